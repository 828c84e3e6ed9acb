//! What models cost, as an operator writes it: in dollars, exactly.

use super::read::FromText;
use parlor_domain::Price;
use parlor_domain::message::NanoDollars;
use std::collections::HashSet;

/// How many digits a price may have after its point: a nano-dollar's place.
const DECIMALS: usize = 9;

/// Prices of models, such as `gpt-4o=2.50/10, gpt-4o-mini*=0.15/0.60`; each model once.
#[derive(Debug)]
pub(crate) struct ModelPrices(pub(crate) Vec<Price>);

impl FromText for ModelPrices {
    fn from_text(text: &str) -> Option<Self> {
        let prices: Vec<Price> = text.split(',').map(price).collect::<Option<_>>()?;
        names_differ(prices.iter().map(|price| price.model.as_str())).then_some(Self(prices))
    }
}

/// Whether none of these names is there twice.
pub(super) fn names_differ<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let mut known = HashSet::new();
    names.into_iter().all(|name| known.insert(name))
}

/// One model's. The name may hold an `=`; the prices cannot.
fn price(text: &str) -> Option<Price> {
    let (model, prices) = text.rsplit_once('=')?;
    let (prompt, completion) = prices.split_once('/')?;
    let model = name(model.trim())?;
    Some(Price { model, prompt: dollars(prompt.trim())?, completion: dollars(completion.trim())? })
}

/// A model's name, or with `*` at its end the beginning of names, which may be empty.
pub(super) fn name(text: &str) -> Option<String> {
    let beginning = text.strip_suffix('*').unwrap_or(text);
    let is_name = beginning.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*');
    (is_name && !text.is_empty()).then(|| text.to_owned())
}

/// A decimal number of dollars. Reckoned in whole numbers, since 0.15 is none of a float's.
fn dollars(text: &str) -> Option<NanoDollars> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > DECIMALS {
        return None;
    }
    format!("{whole}{decimals:0<DECIMALS$}").parse().ok().map(NanoDollars)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(text: &str) -> Option<Vec<(String, u64, u64)>> {
        let prices = ModelPrices::from_text(text)?.0;
        Some(prices.into_iter().map(|it| (it.model, it.prompt.0, it.completion.0)).collect())
    }

    /// Protects bills from rounding: every decimal is the whole number of nano-dollars that it says.
    #[test]
    fn prices_are_read_exactly() {
        let check = |text: &str, expect: &[(&str, u64, u64)]| {
            let expect = expect.iter().map(|(model, prompt, reply)| ((*model).to_owned(), *prompt, *reply));
            assert_eq!(prices(text), Some(expect.collect()), "{text}");
        };
        check(
            "gpt-4o=2.50/10, gpt-4o-mini*=0.15/0.60",
            &[("gpt-4o", 2_500_000_000, 10_000_000_000), ("gpt-4o-mini*", 150_000_000, 600_000_000)],
        );
        check("*=0/0.000000001", &[("*", 0, 1)]);
        check(" Qwen/Qwen3:8b = 1 / 18446744073.709551615 ", &[("Qwen/Qwen3:8b", 1_000_000_000, u64::MAX)]);
        check("a=b=1/2", &[("a=b", 1_000_000_000, 2_000_000_000)]);
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in [
            "",
            ",",
            "a",
            "a=1",
            "a=1/",
            "a=/1",
            "=1/1",
            "a=1/1,",
            "a=1/1/1",
            "a=-1/1",
            "a=+1/1",
            "a=1e3/1",
            "a=.5/1",
            "a=1./1",
            "a=1.0000000001/1",
            "a=1.1.1/1",
            "a=18446744073.709551616/1",
            "a*b=1/1",
            "a**=1/1",
            "a b=1/1",
            "a=1/1, a=2/2",
            "a=$1/$1",
            "é=1/1",
        ] {
            assert_eq!(prices(text), None, "{text}");
        }
    }
}
