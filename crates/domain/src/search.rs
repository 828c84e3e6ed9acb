//! What search looks for: the words of a text, the same for every store, and where they stand in what was found.

/// The longest word that is looked for, in characters: of a longer one the beginning counts.
const WORD_MAX: usize = 64;
/// How many words of one text are looked through.
pub const WORDS_MAX: usize = 20_000;
/// How many words of a question count.
pub const QUESTION_WORDS_MAX: usize = 16;
/// How long a snippet is, in characters, about.
const SNIPPET: usize = 160;

/// The words of a text in lower case, in their order: what stands between characters that are neither letters nor
/// digits. A character of a script without spaces between its words (Han, Kana, Hangul) is a word of its own.
///
/// ```
/// use parlor_domain::search::words;
/// assert_eq!(words("What's a Tokio-Runtime?").collect::<Vec<_>>(), ["what", "s", "a", "tokio", "runtime"]);
/// assert_eq!(words("日本 v2").collect::<Vec<_>>(), ["日", "本", "v2"]);
/// ```
pub fn words(text: &str) -> impl Iterator<Item = String> {
    Spans { text, at: 0 }.map(|(from, to)| fold(&text[from..to])).take(WORDS_MAX)
}

/// The words of a question, each once.
pub fn question(text: &str) -> Vec<String> {
    let mut asked: Vec<String> = Vec::new();
    for word in words(text) {
        if asked.len() == QUESTION_WORDS_MAX {
            break;
        }
        if !asked.contains(&word) {
            asked.push(word);
        }
    }
    asked
}

/// A piece of a text that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The piece, and whether it is one of the words that were looked for; in their order, without gaps.
    pub parts: Vec<(String, bool)>,
    /// Whether the text begins before it.
    pub cut_before: bool,
    /// Whether the text goes on after it.
    pub cut_after: bool,
}

/// The piece of `text` around the first of the words that begins with one of `asked`; the beginning, where none does.
pub fn snippet(text: &str, asked: &[String]) -> Snippet {
    let is_asked = |span: &(usize, usize)| {
        let word = fold(&text[span.0..span.1]);
        asked.iter().any(|asked| word.starts_with(asked.as_str()))
    };
    let first = Spans { text, at: 0 }.find(is_asked).map_or(0, |(from, _)| from);
    let start = back(text, first, SNIPPET / 4);
    let end = forth(text, start, SNIPPET);
    let mut parts = Vec::new();
    let mut told = start;
    for (from, to) in (Spans { text, at: start }).take_while(|(_, to)| *to <= end).filter(is_asked) {
        if told < from {
            parts.push((text[told..from].to_owned(), false));
        }
        parts.push((text[from..to].to_owned(), true));
        told = to;
    }
    if told < end {
        parts.push((text[told..end].to_owned(), false));
    }
    Snippet { parts, cut_before: start > 0, cut_after: end < text.len() }
}

fn fold(word: &str) -> String {
    word.chars().flat_map(char::to_lowercase).take(WORD_MAX).collect()
}

/// Where about `most` characters before `at` a word begins.
fn back(text: &str, at: usize, most: usize) -> usize {
    let before = &text[..at];
    let Some((start, _)) = before.char_indices().rev().nth(most) else { return 0 };
    let spaced = before[start..].char_indices().find(|(_, it)| it.is_whitespace());
    spaced.map_or(start, |(space, it)| start + space + it.len_utf8())
}

/// Where about `most` characters after `at` a word ends.
fn forth(text: &str, at: usize, most: usize) -> usize {
    let after = &text[at..];
    let Some((end, _)) = after.char_indices().nth(most) else { return text.len() };
    let spaced = after[..end].char_indices().rev().find(|(_, it)| it.is_whitespace());
    spaced.map_or(at + end, |(space, _)| at + space)
}

/// A character that is a word by itself.
fn stands_alone(character: char) -> bool {
    matches!(u32::from(character),
        0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

/// The words of a text, by where they begin and end.
struct Spans<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Spans<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let rest = &self.text[self.at..];
        let (skip, first) = rest.char_indices().find(|(_, it)| it.is_alphanumeric())?;
        let from = self.at + skip;
        let goes_on = |(_, it): &(usize, char)| !it.is_alphanumeric() || stands_alone(*it);
        let length = if stands_alone(first) {
            first.len_utf8()
        } else {
            let rest = &self.text[from..];
            rest.char_indices().find(goes_on).map_or(rest.len(), |(end, _)| end)
        };
        self.at = from + length;
        Some((from, self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects readers of results: the piece shows what was looked for, and says where it was cut.
    #[test]
    fn snippets_show_what_was_asked() {
        let asked = question("Quick FOX");
        let check = |text: &str, expect: &[(&str, bool)], cuts| {
            let snippet = snippet(text, &asked);
            let parts: Vec<_> =
                snippet.parts.iter().map(|(text, is_asked)| (text.as_str(), *is_asked)).collect();
            assert_eq!((&parts[..], (snippet.cut_before, snippet.cut_after)), (expect, cuts));
        };
        check(
            "The quickest fox",
            &[("The ", false), ("quickest", true), (" ", false), ("fox", true)],
            (false, false),
        );
        check("nothing here", &[("nothing here", false)], (false, false));
        check("", &[], (false, false));
        let long = format!("{} a fox {}", "before ".repeat(100), "after ".repeat(100));
        let found = snippet(&long, &asked);
        assert!(found.cut_before && found.cut_after);
        assert!(found.parts.contains(&("fox".to_owned(), true)));
        assert!(found.parts.iter().map(|(part, _)| part.len()).sum::<usize>() <= SNIPPET);
    }

    proptest! {
        /// Protects the server from what people write and look for: no text is cut inside a character, and a snippet is a
        /// piece of it.
        #[test]
        fn snippets_are_pieces_of_the_text(text in "\\PC{0,400}", asked in "\\PC{0,20}") {
            let found = snippet(&text, &question(&asked));
            let piece: String = found.parts.iter().map(|(part, _)| part.as_str()).collect();
            prop_assert!(text.contains(&piece));
            prop_assert_eq!(found.cut_before || found.cut_after, piece.len() < text.len());
        }
    }
}
