//! A list of words and patterns, in a file:
//!
//! ```text
//! # A category, a colon, and a word or several; or a pattern between slashes.
//! weapons: pipe bomb
//! insults: /id[i1]ots?/
//! ```
//!
//! Words are found whole, whatever their case, and however much space is between them. A pattern is found anywhere, whatever
//! its case; it is one of the [`regex`] crate, whose time is linear in the text's length for every pattern. Characters that
//! take no place (zero-width spaces, soft hyphens) are not seen: they hide nothing.

use async_trait::async_trait;
use parlor_domain::ports::{Judgement, ModerationError, Moderator, Window};
use regex::{RegexSet, RegexSetBuilder};
use std::borrow::Cow;
use std::time::Duration;

/// The longest list, in bytes.
const LIST_MAX: usize = 1024 * 1024;
/// How much memory the compiled list may take, in bytes; a list that needs more is refused.
const COMPILED_MAX: usize = 64 * 1024 * 1024;
/// Characters that take no place.
const INVISIBLE: [char; 7] =
    ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{180e}'];

/// A list of rules, compiled.
#[derive(Debug, Clone)]
pub struct RuleList {
    set: RegexSet,
    /// The category of each rule.
    categories: Vec<String>,
}

/// Why a list is none.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRules {
    /// It has more than 1 MiB.
    #[error("it has more than {LIST_MAX} bytes")]
    TooLong,
    /// There is no rule in it: everything would pass.
    #[error("there is no rule in it")]
    Empty,
    /// A line is neither empty, nor a comment, nor a rule.
    #[error("line {0} is not `category: words` or `category: /pattern/`")]
    Line(usize),
    /// A pattern is none.
    #[error("the pattern in line {0} is none: {1}")]
    Pattern(usize, String),
    /// All patterns together need too much memory.
    #[error("its patterns are too many, or too large")]
    TooLarge,
}

impl RuleList {
    /// Reads a list. Errors: [`InvalidRules`], the first that is found.
    ///
    /// ```
    /// use parlor_ai::moderation::RuleList;
    /// use parlor_domain::ports::Moderator;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let rules = RuleList::parse("weapons: pipe bomb\ninsults: /id[i1]ots?/").unwrap();
    /// let texts = ["Pipe\nbombs away", "a PIPE  bomb, id1ot"].map(str::to_owned);
    /// let judgements = rules.judge(&texts).await.unwrap();
    /// assert!(!judgements[0].is_flagged(), "a word is a whole word");
    /// assert_eq!(judgements[1].categories, ["weapons", "insults"]);
    /// # });
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidRules> {
        if text.len() > LIST_MAX {
            return Err(InvalidRules::TooLong);
        }
        let (mut patterns, mut categories) = (Vec::new(), Vec::new());
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (category, rule) = line.split_once(':').ok_or(InvalidRules::Line(number))?;
            let (category, rule) = (category.trim(), rule.trim());
            if category.is_empty() || rule.is_empty() {
                return Err(InvalidRules::Line(number));
            }
            patterns.push(pattern(rule, number)?);
            categories.push(category.to_owned());
        }
        if patterns.is_empty() {
            return Err(InvalidRules::Empty);
        }
        let set = builder(&patterns).build().map_err(|_| InvalidRules::TooLarge)?;
        Ok(Self { set, categories })
    }

    /// How many rules it has.
    pub fn count(&self) -> usize {
        self.categories.len()
    }

    /// What the list says of one text.
    pub(super) fn judge_text(&self, text: &str) -> Judgement {
        let mut categories: Vec<String> = Vec::new();
        for rule in &self.set.matches(&visible(text)) {
            let category = &self.categories[rule];
            if !categories.contains(category) {
                categories.push(category.clone());
            }
        }
        Judgement { categories }
    }
}

fn builder(patterns: &[String]) -> RegexSetBuilder {
    let mut builder = RegexSetBuilder::new(patterns);
    builder.case_insensitive(true).size_limit(COMPILED_MAX);
    builder
}

/// The pattern of a rule. Error: it is none.
fn pattern(rule: &str, line: usize) -> Result<String, InvalidRules> {
    let inner = rule.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let Some(inner) = inner else {
        let words: Vec<_> = rule.split_whitespace().map(regex::escape).collect();
        return Ok(format!(r"\b{{start-half}}{}\b{{end-half}}", words.join(r"\s+")));
    };
    let alone = builder(&[inner.to_owned()]).build();
    let invalid = |error: regex::Error| InvalidRules::Pattern(line, last_line(&error.to_string()));
    let alone = alone.map_err(invalid)?;
    if alone.is_match("") {
        return Err(InvalidRules::Pattern(line, "it fits every text".to_owned()));
    }
    Ok(inner.to_owned())
}

/// What is wrong, without the picture of it.
fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn visible(text: &str) -> Cow<'_, str> {
    if text.contains(INVISIBLE) { text.replace(INVISIBLE, "").into() } else { text.into() }
}

#[async_trait]
impl Moderator for RuleList {
    /// It takes microseconds: a word is shown as soon as it is whole.
    fn window(&self) -> Window {
        Window { bytes: 1, wait: Duration::ZERO }
    }

    async fn judge(&self, texts: &[String]) -> Result<Vec<Judgement>, ModerationError> {
        Ok(texts.iter().map(|text| self.judge_text(text)).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Protects the operator's rules: each finds what it says, and nothing that only looks alike.
    #[test]
    fn rules_find_what_they_say() {
        let list = "# words\nw: grass, of course\nw: C++\n\n x : /b[o0]mb/ \nd: größe\nm: a b";
        let rules = RuleList::parse(list).unwrap();
        assert_eq!(rules.count(), 5);
        let check = |text: &str, expect: &[&str]| {
            assert_eq!(rules.judge_text(text).categories, expect, "{text}");
        };
        check("nothing of that", &[]);
        check("GRASS,\n OF\tcourse!", &["w"]);
        check("grass, of courses", &[]);
        check("I like c++.", &["w"]);
        check("bombast and B0MBs", &["x"]);
        check("b\u{200b}o\u{ad}mb", &["x"]);
        check("GRÖSSE GRÖßE", &["d"]);
        check("größen", &[]);
        check("a b c++", &["w", "m"]);
        check("aa bb", &[]);
    }

    /// Protects a server from a list that would judge nothing, or everything, or that it cannot hold.
    #[test]
    fn what_is_no_list_is_refused() {
        let check = |list: &str, expect: &str| {
            assert_eq!(RuleList::parse(list).unwrap_err().to_string(), expect);
        };
        check("", "there is no rule in it");
        check("# a: b\n", "there is no rule in it");
        check("a: b\nbomb", "line 2 is not `category: words` or `category: /pattern/`");
        check("a:", "line 1 is not `category: words` or `category: /pattern/`");
        check(": b", "line 1 is not `category: words` or `category: /pattern/`");
        check("a: /(/", "the pattern in line 1 is none: unclosed group");
        check("a: /x*/", "the pattern in line 1 is none: it fits every text");
        check(
            "a: /((\\w{1000}){1000}){1000}/",
            "the pattern in line 1 is none: Compiled regex exceeds size limit of 67108864 bytes.",
        );
        check(&"#".repeat(LIST_MAX + 1), "it has more than 1048576 bytes");
    }

    /// Protects everybody from a text that is made to be slow: patterns that would take exponential time elsewhere.
    #[test]
    fn no_text_is_slow() {
        let rules = RuleList::parse("a: /(x+x+)+y/\nb: /(a|a)*b$/").unwrap();
        let begun = std::time::Instant::now();
        assert!(!rules.judge_text(&"x".repeat(64 * 1024)).is_flagged());
        assert!(!rules.judge_text(&"a".repeat(64 * 1024)).is_flagged());
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
