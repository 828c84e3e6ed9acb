//! The built-in embedder: words and pieces of words, hashed to places of a vector. It knows no language and no meaning;
//! texts are alike for it where they share words, or words that are written alike (`freeze`, `freezes`). That is enough to
//! find passages by what they speak of, and it is the same everywhere and always.

use async_trait::async_trait;
use parlor_domain::ports::{BackendError, Embedded, Embedder};

/// How long its vectors are. Part of the model's name: vectors of another length are another model's.
const DIMENSIONS: usize = 1_024;

/// In how many places a feature counts. One takes 11 bits of its hash.
const PLACES: usize = 4;

/// What a word counts by its beginning, a pair of neighbours, and all pieces of a word together.
const WORD: f32 = 1.0;
const PAIR: f32 = 0.4;
const PIECES: f32 = 0.5;
/// How many letters are the beginning of a word: endings, by which forms of one word differ, come later.
const BEGINNING: usize = 6;

/// How much less a word counts that says nothing of what a text is about.
const FILLER: f32 = 0.1;

/// Common words of questions and sentences in English that are longer than the three letters up to which a word is filler
/// in any language with spaces.
const FILLERS: &[&str] = &[
    "about", "also", "been", "before", "being", "could", "does", "each", "from", "give", "have", "hello",
    "here", "into", "just", "know", "like", "long", "made", "make", "many", "more", "most", "much", "must",
    "only", "other", "over", "please", "shall", "should", "some", "such", "take", "tell", "than", "that",
    "their", "them", "then", "there", "these", "they", "this", "those", "under", "very", "want", "were",
    "what", "when", "where", "which", "while", "will", "with", "would", "your",
];

/// Vectors of hashed words, pairs of words and pieces of words, of length 1. The text's tokens are its words.
#[derive(Debug, Default, Clone, Copy)]
pub struct HashedNgrams;

impl HashedNgrams {
    /// Its only model. The name says all that a vector depends on.
    pub const MODEL: &str = "parlor-hashed-ngrams-1024";
}

#[async_trait]
impl Embedder for HashedNgrams {
    fn name(&self) -> &'static str {
        "built-in"
    }

    fn model(&self) -> &str {
        Self::MODEL
    }

    fn is_metered(&self) -> bool {
        false
    }

    fn relevance(&self) -> f32 {
        0.12
    }

    async fn embed(&self, texts: &[String], model: &str) -> Result<Embedded, BackendError> {
        let tokens = texts.iter().map(|text| words(text).count() as u64).sum();
        let vectors = texts.iter().map(|text| vector(text)).collect();
        Ok(Embedded { vectors, model: model.to_owned(), tokens })
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| !it.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The vector of a text: of length 1, or 0 where it has no word. Only sums, products and roots, in the order of the text:
/// the same bits on every machine.
fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    let mut before: Option<(String, f32)> = None;
    for word in words(text) {
        let word = word.to_lowercase();
        if is_dense(&word) {
            add_pieces(&mut vector, &word.chars().collect::<Vec<_>>(), [1, 2], WORD);
            before = None;
            continue;
        }
        let weight = weight(&word);
        let beginning = word.char_indices().nth(BEGINNING).map_or(word.as_str(), |(end, _)| &word[..end]);
        add(&mut vector, &[b"w", beginning.as_bytes()], WORD * weight);
        let letters: Vec<char> = format!("<{word}>").chars().collect();
        add_pieces(&mut vector, &letters, [3, 4], PIECES * weight);
        if let Some((before, of_before)) = before {
            let pair = [b"p", before.as_bytes(), b" ", word.as_bytes()];
            add(&mut vector, &pair, PAIR * weight.min(of_before));
        }
        before = Some((word, weight));
    }
    let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|it| *it /= length);
    }
    vector
}

fn weight(word: &str) -> f32 {
    let short = word.chars().count() <= 3 && !word.chars().any(char::is_numeric);
    if short || FILLERS.contains(&word) { FILLER } else { 1.0 }
}

/// Whether a word is of a script that has no spaces between words (Chinese, Japanese, Korean): it is a whole phrase then,
/// and its letters tell as much as words of others.
fn is_dense(word: &str) -> bool {
    word.chars().any(|it| ('\u{2e80}'..='\u{d7ff}').contains(&it) || it >= '\u{20000}')
}

/// Counts every run of so many letters. Those of a word count for `weight` together; in a dense script each does, since
/// there it is as good as a word.
fn add_pieces(vector: &mut [f32], letters: &[char], sizes: [usize; 2], weight: f32) {
    let count: usize = sizes.iter().map(|size| (letters.len() + 1).saturating_sub(*size)).sum();
    let each = if sizes[0] == 1 { weight } else { weight / root(count) };
    for piece in sizes.iter().flat_map(|size| letters.windows(*size)) {
        let piece: String = piece.iter().collect();
        add(vector, &[b"c", piece.as_bytes()], each);
    }
}

fn root(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX)).sqrt().max(1.0)
}

/// Counts a feature in its places, half of them up and half of them down: features that share a place cancel out on the
/// whole, and one that shares it by bad luck has others.
fn add(vector: &mut [f32], feature: &[&[u8]], weight: f32) {
    let mut hash = fnv(feature);
    for _ in 0..PLACES {
        let place = usize::try_from(hash % DIMENSIONS as u64).unwrap_or_default();
        hash /= DIMENSIONS as u64;
        vector[place] += if hash & 1 == 0 { weight } else { -weight };
        hash >>= 1;
    }
}

/// FNV-1a, 64 bits, and a last mix (of splitmix64), because FNV leaves its high bits alike for short texts.
fn fnv(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().copied().flatten();
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cosine(a: &str, b: &str) -> f32 {
        vector(a).iter().zip(vector(b)).map(|(x, y)| x * y).sum()
    }

    /// Protects what is stored: a vector made today is found by a question of any later day, on any machine.
    #[test]
    fn vectors_stay_what_they_are() {
        let made = vector("Parlor keeps one log a conversation. 一");
        let bytes: Vec<u8> = made.iter().flat_map(|it| it.to_bits().to_le_bytes()).collect();
        assert_eq!(fnv(&[&bytes]), 7_527_335_886_441_145_679);
    }

    /// Protects retrieval without a download: of passages about all kinds of things, the one that speaks of what is asked
    /// stands first and is relevant, and none is for a question about something else.
    #[test]
    fn what_speaks_of_the_question_is_found() {
        let passages = [
            "Refunds are paid within fourteen days of the cancellation. Write to the billing office with your booking number, and state whether the ticket was bought online or at the counter.",
            "The ferry to the northern islands leaves at 07:40 and 16:15 from pier four. In winter the afternoon ferry does not run, because the strait freezes over.",
            "To reset the thermostat, hold the round button for ten seconds until the display blinks twice. All programmes are deleted; the clock stays set.",
            "Unsere Bibliothek öffnet werktags um neun Uhr. Ausgeliehene Bücher können zweimal verlängert werden, sofern niemand sie vorgemerkt hat.",
            "机房的备用电源可以维持四小时。停电时请先关闭存储阵列，再关闭计算节点。",
        ];
        for (question, expect) in [
            ("How long does a refund take?", Some(0)),
            ("when does the ferry leave in winter", Some(1)),
            ("How do I reset my thermostat?", Some(2)),
            ("Wie oft kann ich ein Buch verlängern?", Some(3)),
            ("备用电源能用多久？", Some(4)),
            ("Who won the chess tournament in Zagreb?", None),
            ("What should I cook for dinner with lentils and carrots?", None),
            ("Hello, how are you today?", None),
            ("Compose a haiku about autumn.", None),
            ("Explain the difference between a mutex and a semaphore.", None),
        ] {
            let mut scores: Vec<_> = passages.iter().map(|it| cosine(question, it)).enumerate().collect();
            scores.sort_by(|a, b| b.1.total_cmp(&a.1));
            let found = Some(scores[0].0).filter(|_| scores[0].1 >= HashedNgrams.relevance());
            assert_eq!(found, expect, "{question}: {scores:?}");
        }
    }

    proptest! {
        /// Protects whoever compares: any text has a vector of length 1, or of nothing where it has no word.
        #[test]
        fn every_text_has_a_vector(text in "\\PC{0,200}") {
            let made = vector(&text);
            prop_assert_eq!(made.len(), DIMENSIONS);
            prop_assert!(made.iter().all(|it| it.is_finite()));
            let length = made.iter().map(|it| it * it).sum::<f32>().sqrt();
            prop_assert!((length - 1.0).abs() < 1e-4 || words(&text).next().is_none(), "{}", length);
        }
    }
}
