//! A text cut into passages: along its headings and paragraphs, each about as long as is wanted, with the end of one at the
//! beginning of the next, so that nothing that stands together is found only in halves.

use crate::turn::estimate_tokens;

/// How long passages are, in tokens by estimate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The most that one has, its heading not counted.
    pub(crate) most: usize,
    /// How much of the end of one stands at the beginning of the next, at most.
    pub(crate) overlap: usize,
}

/// The longest heading that is repeated over each passage of its section, in bytes.
const HEADING_MAX: usize = 200;

/// How many passages a text is cut into along its headings, however short its sections are; a text of more has short ones
/// joined, since each passage costs a vector, and a byte of text may begin one.
const FINE_MAX: usize = 1_000;

/// The passages of a text, in its order. Every word of the text is in one of them.
pub(crate) fn chunks(text: &str, sizes: Sizes) -> Vec<String> {
    let (heading, pieces, done) = (String::new(), Vec::new(), Vec::new());
    let mut cutter = Cutter { sizes, heading, headed: false, pieces, fresh: false, done };
    for block in blocks(text) {
        cutter.take(block);
    }
    cutter.flush();
    cutter.end_heading();
    if cutter.done.len() > FINE_MAX { joined(cutter.done, sizes.most) } else { cutter.done }
}

/// Neighbours in one passage, as far as they fit.
fn joined(passages: Vec<String>, most: usize) -> Vec<String> {
    let (mut made, mut tokens) = (Vec::<String>::new(), 0);
    for passage in passages {
        let cost = estimate_tokens(&passage);
        match made.last_mut() {
            Some(last) if tokens + cost <= most => {
                last.push_str("\n\n");
                last.push_str(&passage);
                tokens += cost;
            }
            _ => {
                made.push(passage);
                tokens = cost;
            }
        }
    }
    made
}

/// Paragraphs and headings: what empty lines separate, and lines that begin with `#`.
fn blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let (mut start, mut end) = (0, 0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (begins, next) = (at, at + line.len());
        at = next;
        if line.trim().is_empty() || is_heading(line) {
            blocks.push(&text[start..end]);
            (start, end) = (next, next);
            if is_heading(line) {
                blocks.push(&text[begins..next]);
            }
        } else {
            if start == end {
                start = begins;
            }
            end = next;
        }
    }
    blocks.push(&text[start..end]);
    blocks.retain(|block| !block.trim().is_empty());
    blocks
}

/// A heading of Markdown (`CommonMark` §4.2).
fn is_heading(line: &str) -> bool {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    (1..=6).contains(&level) && rest.starts_with([' ', '\t'])
}

struct Cutter<'a> {
    sizes: Sizes,
    /// What stands over each passage of the section.
    heading: String,
    /// Whether it stands over one yet: its words, too, must be found.
    headed: bool,
    /// What the passage under way has so far, without its heading.
    pieces: Vec<&'a str>,
    /// Whether it has more than what the last one ended with.
    fresh: bool,
    done: Vec<String>,
}

impl<'a> Cutter<'a> {
    fn take(&mut self, block: &'a str) {
        let block = block.trim();
        if !is_heading(block) || block.len() > HEADING_MAX {
            return self.add_pieces(block);
        }
        self.flush();
        self.pieces.clear();
        // One that has nothing under it but this one stands over both, as long as there are not too many.
        if self.headed || self.heading.len() + block.len() > HEADING_MAX {
            self.end_heading();
        }
        if !self.heading.is_empty() {
            self.heading.push('\n');
        }
        self.heading.push_str(block);
        self.headed = false;
    }

    /// The section is over.
    fn end_heading(&mut self) {
        let heading = std::mem::take(&mut self.heading);
        if !self.headed && !heading.is_empty() {
            self.done.push(heading);
        }
    }

    fn add_pieces(&mut self, block: &'a str) {
        // A piece has room beside what the last passage ended with.
        let most = self.sizes.most.saturating_sub(self.sizes.overlap).max(8);
        for piece in cut(block, most) {
            if self.tokens() + estimate_tokens(piece) > self.sizes.most {
                self.flush();
            }
            self.pieces.push(piece);
            self.fresh = true;
        }
    }

    fn tokens(&self) -> usize {
        self.pieces.iter().map(|piece| estimate_tokens(piece)).sum()
    }

    /// Ends the passage under way; its last pieces begin the next one, as far as they fit.
    fn flush(&mut self) {
        if !self.fresh {
            return;
        }
        self.fresh = false;
        let heading = Some(&*self.heading).filter(|heading| !heading.is_empty());
        self.done
            .push(heading.into_iter().chain(self.pieces.iter().copied()).collect::<Vec<_>>().join("\n\n"));
        self.headed = true;
        let mut left = self.sizes.overlap;
        let kept = self.pieces.iter().rev().take_while(|piece| {
            let cost = estimate_tokens(piece);
            let fits = cost <= left;
            left = left.saturating_sub(cost);
            fits
        });
        let kept = kept.count();
        self.pieces.drain(..self.pieces.len() - kept);
    }
}

/// Pieces of a paragraph of at most `most` tokens each: cut behind a sentence where there is one, else behind a word, else
/// between two letters.
fn cut(block: &str, most: usize) -> Vec<&str> {
    let most_bytes = most.saturating_sub(4).max(4) * 3;
    let (mut rest, mut pieces) = (block, Vec::new());
    while rest.len() > most_bytes {
        let head = &rest[..rest.floor_char_boundary(most_bytes)];
        let sentence = head.rmatch_indices([' ', '\n']).find(|(at, _)| head[..*at].ends_with(SENTENCE_ENDS));
        let dense = head.rfind(DENSE_ENDS).map(|at| rest.ceil_char_boundary(at + 1));
        let end = sentence.map(|(at, _)| at + 1).max(dense).filter(|end| *end > head.len() / 2);
        let word = || head.rfind(char::is_whitespace).map(|at| head.ceil_char_boundary(at + 1)).max(dense);
        let end = end.or_else(word).filter(|end| *end > 0).unwrap_or(head.len());
        pieces.push(rest[..end].trim());
        rest = &rest[end..];
    }
    pieces.push(rest.trim());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

const SENTENCE_ENDS: [char; 6] = ['.', '!', '?', ':', ';', '…'];
/// Ends of sentences of scripts that have no spaces.
const DENSE_ENDS: [char; 3] = ['。', '！', '？'];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZES: Sizes = Sizes { most: 40, overlap: 12 };

    fn check(text: &str, expect: &[&str]) {
        assert_eq!(chunks(text, SIZES), expect);
    }

    #[test]
    fn short_texts_are_one_passage_and_empty_ones_none() {
        check("", &[]);
        check(" \n\n\t", &[]);
        check("One.\n\nTwo.\r\n", &["One.\n\nTwo."]);
    }

    /// Protects what is found from what it is found without: each passage says under which heading it stands.
    #[test]
    fn headings_begin_passages_and_stand_over_each() {
        check(
            "Before.\n# Tides\nThe tide comes twice a day, and goes as often, by the moon.\n\nSpring tides are high ones, by both.\n## Moon\nIt is far.\n#no heading",
            &[
                "Before.",
                "# Tides\n\nThe tide comes twice a day, and goes as often, by the moon.\n\nSpring tides are high ones, by both.",
                "## Moon\n\nIt is far.\n#no heading",
            ],
        );
        check("# A\n## B\nText.\n# C", &["# A\n## B\n\nText.", "# C"]);
    }

    #[test]
    fn what_one_ends_with_the_next_begins_with() {
        let (a, b, c) = ("a".repeat(60), "b".repeat(20), "c".repeat(70));
        let expect = [format!("{a}\n\n{b}"), format!("{b}\n\n{c}")];
        assert_eq!(chunks(&format!("{a}\n\n{b}\n\n{c}"), SIZES), expect);
    }

    #[test]
    fn long_paragraphs_are_cut_behind_sentences_then_words_then_letters() {
        check(
            "The first sentence is right here, just as it is. The second one is a little longer than it, truly.",
            &[
                "The first sentence is right here, just as it is.",
                "The second one is a little longer than it, truly.",
            ],
        );
        let long = "x".repeat(200);
        assert!(chunks(&long, SIZES).concat().len() >= 200);
    }

    /// Protects memory and the database from texts that have a section every few bytes.
    #[test]
    fn many_short_sections_share_passages() {
        let sections = |count: usize| (0..count).fold(String::new(), |text, it| format!("{text}# {it}\nb\n"));
        assert_eq!(chunks(&sections(1_000), SIZES).len(), 1_000);
        let made = chunks(&sections(10_000), SIZES);
        assert!(made.len() < 2_500, "{}", made.len());
        assert!(made.iter().all(|passage| estimate_tokens(passage) <= SIZES.most));
        assert!(made[0].starts_with("# 0\n\nb\n\n# 1\n\nb"), "{}", made[0]);
        assert!(made.concat().contains("# 9999\n\nb"));
    }

    proptest! {
        /// Protects every document: no word is lost, no passage is longer than was wanted, and none is empty.
        #[test]
        fn nothing_is_lost_and_nothing_is_too_long(text in "([a-zé。# \n.]{0,30}(\n\n|\n# )?){0,20}") {
            let made = chunks(&text, SIZES);
            for chunk in &made {
                prop_assert!(!chunk.trim().is_empty());
                prop_assert!(chunk.len() <= SIZES.most * 3 + HEADING_MAX + 40, "{}", chunk.len());
            }
            let words = text.split(|it: char| it.is_whitespace() || DENSE_ENDS.contains(&it));
            // Only what is longer than a passage may be is cut within.
            for word in words.filter(|word| (1..=60).contains(&word.len())) {
                prop_assert!(made.iter().any(|chunk| chunk.contains(word)), "{}", word);
            }
        }
    }
}
