//! An embedder that a test can foresee.

use crate::ports::{BackendError, Embedded, Embedder};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long its vectors are.
const DIMENSIONS: usize = 64;

/// An [`Embedder`] of words: each word of a text counts in a place of its own, by its letters alone. Texts that have no word
/// in common have little to do with each other.
#[derive(Debug, Default)]
pub struct WordEmbedder {
    metered: AtomicBool,
    fails: AtomicBool,
    asked: Mutex<Vec<Vec<String>>>,
}

impl WordEmbedder {
    /// Its only model.
    pub const MODEL: &str = "words-64";

    /// Whether its tokens cost something from now on.
    pub fn meter(&self, metered: bool) {
        self.metered.store(metered, Ordering::SeqCst);
    }

    /// Whether it fails from now on, as one that is not there.
    pub fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// The texts that it was asked for, call by call.
    pub fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().clone()
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    for word in text.split(|it: char| !it.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let place = word.to_lowercase().bytes().fold(7, |sum: usize, byte| sum * 31 + usize::from(byte));
        vector[place % DIMENSIONS] += 1.0;
    }
    let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|it| *it /= length);
    }
    vector
}

#[async_trait]
impl Embedder for WordEmbedder {
    fn name(&self) -> &'static str {
        "words"
    }

    fn model(&self) -> &str {
        Self::MODEL
    }

    fn is_metered(&self) -> bool {
        self.metered.load(Ordering::SeqCst)
    }

    fn relevance(&self) -> f32 {
        0.3
    }

    async fn embed(&self, texts: &[String], model: &str) -> Result<Embedded, BackendError> {
        self.asked.lock().push(texts.to_vec());
        if self.fails.load(Ordering::SeqCst) {
            return Err(BackendError::Unreachable("told to fail".to_owned()));
        }
        let vectors = texts.iter().map(|text| vector(text)).collect();
        let tokens = texts.iter().map(|text| text.split_whitespace().count() as u64).sum();
        Ok(Embedded { vectors, model: model.to_owned(), tokens })
    }
}
