//! A file of accounts, read and checked as a whole. What is wrong is told by its line; no line is quoted, since it holds a
//! hash.

use crate::failure::Failure;
use parlor_accounts::{is_password_hash, normalise_address};
use serde::Deserialize;
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// What a name may be: the same as where its user changes it.
const USERNAME_MAX: usize = 64;

/// An account that may be imported.
pub(super) struct Account {
    /// In the form in which addresses are kept.
    pub(super) email: String,
    pub(super) username: Option<String>,
    /// Of a kind that we can verify.
    pub(super) password_hash: String,
}

/// A line.
#[derive(Deserialize)]
struct Line {
    email: String,
    password_hash: String,
    username: Option<String>,
}

/// The accounts of a file; `-` is standard input. Errors: the first line that is no account, and an address that is there
/// twice.
pub(super) fn read(path: &Path) -> Result<Vec<Account>, Failure> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin().lock())
    } else {
        std::fs::read_to_string(path)
    };
    let text =
        text.map_err(|error| Failure::while_doing(&format!("cannot read {}", path.display()), &error))?;
    parse(&text).map_err(|problem| Failure::Runtime(format!("{}, {problem}", path.display())))
}

fn parse(text: &str) -> Result<Vec<Account>, String> {
    // Some systems begin every file of text with it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut accounts = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let account = account(line).map_err(|problem| format!("line {number}: {problem}"))?;
        if let Some(first) = lines.insert(account.email.clone(), number) {
            return Err(format!("line {number}: the address of line {first} once more"));
        }
        accounts.push(account);
    }
    Ok(accounts)
}

fn account(line: &str) -> Result<Account, &'static str> {
    let line: Line = serde_json::from_str(line)
        .map_err(|_| "not a JSON object with the texts email, password_hash and perhaps username")?;
    let email = normalise_address(&line.email).map_err(|_| "email is no e-mail address")?;
    if !is_password_hash(&line.password_hash) {
        return Err("password_hash is neither argon2id as a PHC string nor bcrypt, or costs too much");
    }
    let username = line.username.map(|name| name.trim().to_owned());
    let is_name =
        |name: &String| (1..=USERNAME_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    if !username.as_ref().is_none_or(is_name) {
        return Err("username is not 1 to 64 bytes without control characters");
    }
    Ok(Account { email, username, password_hash: line.password_hash })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";

    fn line(email: &str, rest: &str) -> String {
        format!("{{\"email\":\"{email}\",\"password_hash\":\"{BCRYPT}\"{rest}}}\n")
    }

    #[test]
    fn accounts_are_read_line_by_line() {
        let text = format!(
            "\u{feff}{}\r\n\n  \n{}",
            line(" Ann@Example.org", "").trim(),
            line("bob@example.org", r#","username":" Bob ","age":7"#)
        );
        let accounts = parse(&text).unwrap();
        let found: Vec<_> = accounts.iter().map(|it| (it.email.as_str(), it.username.as_deref())).collect();
        assert_eq!(found, [("ann@example.org", None), ("bob@example.org", Some("Bob"))]);
        assert!(accounts.iter().all(|it| it.password_hash == BCRYPT));
        assert!(parse("").unwrap().is_empty());
    }

    /// Protects who imports: what is wrong is told with its line, and no hash is.
    #[test]
    fn what_is_no_account_is_told_by_its_line() {
        let ann = line("ann@example.org", "");
        for (wrong, expect) in [
            ("ann\n".to_owned(), "line 2: not a JSON object"),
            (ann.replace("password_hash", "password"), "line 2: not a JSON object"),
            (line("x", ""), "line 2: email is no"),
            (ann.replace("$2b$12$", "$2b$12"), "line 2: password_hash is neither"),
            (ann.replace("$2b$12$", "$2b$31$"), "line 2: password_hash is neither"),
            (line("bob@example.org", r#","username":"""#), "line 2: username is not"),
            (line("bob@example.org", r#","username":"a\u0007b""#), "line 2: username is not"),
            (line("ANN@example.org", ""), "line 2: the address of line 1 once more"),
        ] {
            let problem = parse(&(ann.clone() + &wrong)).err().unwrap();
            assert!(problem.starts_with(expect), "{problem}");
            assert!(!problem.contains("R9h/"), "{problem}");
        }
    }
}
