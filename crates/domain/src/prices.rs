//! What a reply costs: a table of prices, which the operator gives. Reckoned in whole nano-dollars.

use crate::message::{NanoDollars, Usage};
use crate::models::best_fit;
use std::sync::Arc;

/// How many tokens a price is for.
const TOKENS: u128 = 1_000_000;

/// What one model costs, or all whose names begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The model's name; with `*` at its end, the beginning of names.
    pub model: String,
    /// For a million tokens of the context.
    pub prompt: NanoDollars,
    /// For a million tokens of the reply.
    pub completion: NanoDollars,
}

/// The prices of all models that have one.
///
/// ```
/// use parlor_domain::message::{NanoDollars, Usage};
/// use parlor_domain::{Price, Prices};
///
/// let dollars = |dollars: u64| NanoDollars(dollars * 1_000_000_000);
/// let prices = Prices::new(vec![Price { model: "big-*".into(), prompt: dollars(3), completion: dollars(15) }]);
/// let usage = Usage { prompt_tokens: 1_000, completion_tokens: 200, estimated: false };
/// assert_eq!(prices.cost("big-2", usage), Some(NanoDollars(6_000_000))); // 0.6 cents
/// assert_eq!(prices.cost("small", usage), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices(Arc<[Price]>);

impl Prices {
    /// A table. Of the names that match a model, the longest counts; of equal ones, the first.
    pub fn new(prices: Vec<Price>) -> Self {
        Self(prices.into())
    }

    /// What `usage` of `model` costs, rounded up to a whole nano-dollar; none where the model has no price.
    pub fn cost(&self, model: &str, usage: Usage) -> Option<NanoDollars> {
        let price = best_fit(&*self.0, |price| &price.model, model)?;
        let side = |tokens: u64, price: NanoDollars| u128::from(tokens) * u128::from(price.0);
        let prompt = side(usage.prompt_tokens, price.prompt);
        let sum = prompt.saturating_add(side(usage.completion_tokens, price.completion));
        Some(NanoDollars(u64::try_from(sum.div_ceil(TOKENS)).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(model: &str, prompt: u64, completion: u64) -> Price {
        Price { model: model.into(), prompt: NanoDollars(prompt), completion: NanoDollars(completion) }
    }

    /// Protects bills: the most exact name counts, and nothing is lost to rounding, however large or small.
    #[test]
    fn costs_are_exact() {
        let prices = Prices::new(vec![
            price("*", 1, 0),
            price("a*", 2_000_000, 0),
            price("ab", 0, 37_500_000),
            price("huge", u64::MAX, u64::MAX),
        ]);
        let check = |model: &str, prompt_tokens, completion_tokens, nano: u64| {
            let usage = Usage { prompt_tokens, completion_tokens, estimated: false };
            assert_eq!(prices.cost(model, usage), Some(NanoDollars(nano)), "{model}");
        };
        check("ab", 9, 2, 75);
        check("ab", 9, 1, 38);
        check("abc", 3, 9, 6);
        check("other", 1, 0, 1);
        check("other", 0, 5, 0);
        check("huge", u64::MAX, u64::MAX, u64::MAX);
    }
}
