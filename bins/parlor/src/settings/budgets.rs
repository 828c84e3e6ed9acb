//! How many tokens may be used.

use super::prices::{name, names_differ};
use super::read::FromText;
use super::{Key, Problem, Values};
use parlor_domain::Budgets;

pub(super) fn read(values: &Values) -> Result<Budgets, Problem> {
    Ok(Budgets {
        user: values.limit(Key::UserTokenBudget)?,
        user_day: values.limit(Key::UserDailyTokenBudget)?,
        model_day: values.find(Key::ModelDailyTokenBudgets)?.map(|ModelTokens(it)| it).unwrap_or_default(),
    })
}

/// Tokens of models, such as `gpt-4o=1000000, gpt-4o-mini*=5000000`; each model once.
struct ModelTokens(Vec<(String, u64)>);

impl FromText for ModelTokens {
    fn from_text(text: &str) -> Option<Self> {
        let budgets: Vec<_> = text.split(',').map(budget).collect::<Option<_>>()?;
        names_differ(budgets.iter().map(|(model, _)| model.as_str())).then_some(Self(budgets))
    }
}

/// One model's. None where it is 0: with every other setting that is no limit, and here nobody could use the model.
fn budget(text: &str) -> Option<(String, u64)> {
    let (model, tokens) = text.rsplit_once('=')?;
    let tokens: u64 = tokens.trim().parse().ok()?;
    (tokens > 0).then_some((name(model.trim())?, tokens))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects budgets: each model has the tokens that the operator wrote, and no mistake passes for a budget.
    #[test]
    fn budgets_are_read_as_written() {
        let read = |text: &str| ModelTokens::from_text(text).map(|it| it.0);
        let expect = vec![("gpt-4o*".to_owned(), 1_000_000), ("a=b".to_owned(), 7)];
        assert_eq!(read("gpt-4o*=1000000, a=b = 7"), Some(expect));
        for text in ["", "a", "a=", "=1", "a=0", "a=-1", "a=1.5", "a=1,a=2", "a=1,", "a*b=1", "a b=1"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
