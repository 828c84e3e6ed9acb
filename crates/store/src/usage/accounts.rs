//! The accounts of an attempt as one column: JSON, `["user:…","model:…"]`, of the names that they have in `balances`.

use crate::error::{Error, Result};
use parlor_domain::ports::{Account, Day};

pub(super) fn to_column<'a>(accounts: impl Iterator<Item = &'a Account>) -> Result<String> {
    let names: Vec<String> = accounts.map(ToString::to_string).collect();
    serde_json::to_string(&names).map_err(|_| CORRUPT)
}

/// The names in a column.
pub(super) fn names(column: &str) -> Result<Vec<String>> {
    serde_json::from_str(column).map_err(|_| CORRUPT)
}

pub(super) fn from_column(column: &str) -> Result<Vec<Account>> {
    names(column)?.iter().map(|name| account(name).ok_or(CORRUPT)).collect()
}

const CORRUPT: Error = Error::Corrupt("attempts");

/// The account with this name. A model's name may hold anything, colons too.
fn account(name: &str) -> Option<Account> {
    let day = |text: &str| text.parse().ok().map(Day);
    match name.split_once(':')? {
        ("user", rest) => match rest.split_once(':') {
            None => Some(Account::User(rest.parse().ok()?)),
            Some((user, number)) => Some(Account::UserDay(user.parse().ok()?, day(number)?)),
        },
        ("model", rest) => {
            let (model, number) = rest.rsplit_once(':')?;
            Some(Account::ModelDay(model.to_owned(), day(number)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_domain::UserId;

    /// What the books say of an attempt's accounts is what was reserved, whatever a model is called.
    #[test]
    fn accounts_come_back_as_they_were() {
        let user = UserId::new();
        let models = ["llama3:8b", "", ":", "a:1", "\"\\\n\0 ü"];
        let models = models.map(|model| Account::ModelDay(model.to_owned(), Day(-3)));
        let mut accounts = vec![Account::User(user), Account::UserDay(user, Day(20_000))];
        accounts.extend(models);
        let column = to_column(accounts.iter()).ok();
        assert_eq!(column.and_then(|column| from_column(&column).ok()), Some(accounts));
    }

    #[test]
    fn what_is_no_account_is_not_taken_for_one() {
        for column in ["", "[1]", r#"["user"]"#, r#"["user:x"]"#, r#"["model:a"]"#, r#"["node:a:1"]"#] {
            assert!(from_column(column).is_err(), "{column}");
        }
    }
}
