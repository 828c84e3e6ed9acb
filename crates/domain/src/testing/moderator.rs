//! A moderator that says what a test tells it.

use crate::ports::{Judgement, ModerationError, Moderator, Window};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mood {
    /// An answer, after so long.
    Slow(Duration),
    /// No answer, for ever.
    Stall,
    /// A failure.
    Fail(ModerationError),
    /// Fewer judgements than there were texts.
    Garbage,
}

/// A [`Moderator`] that flags every text with one of its words in it, whatever the case, as `forbidden`.
#[derive(Debug)]
pub struct WordModerator {
    words: Vec<&'static str>,
    window: Window,
    moods: Mutex<VecDeque<Mood>>,
    asked: Mutex<Vec<Vec<String>>>,
}

impl WordModerator {
    /// A moderator that wants windows like this.
    pub fn new(words: &[&'static str], window: Window) -> Arc<Self> {
        Arc::new(Self { words: words.to_vec(), window, moods: Mutex::default(), asked: Mutex::default() })
    }

    /// What becomes of one more question.
    pub fn next(&self, mood: Mood) {
        self.moods.lock().push_back(mood);
    }

    /// What it was asked about so far, question by question.
    pub fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().clone()
    }
}

#[async_trait]
impl Moderator for WordModerator {
    fn window(&self) -> Window {
        self.window
    }

    async fn judge(&self, texts: &[String]) -> Result<Vec<Judgement>, ModerationError> {
        self.asked.lock().push(texts.to_vec());
        let mood = self.moods.lock().pop_front();
        match mood {
            None => {}
            Some(Mood::Slow(time)) => tokio::time::sleep(time).await,
            Some(Mood::Stall) => std::future::pending().await,
            Some(Mood::Fail(error)) => return Err(error),
            Some(Mood::Garbage) => return Ok(Vec::new()),
        }
        let judge = |text: &String| {
            let text = text.to_lowercase();
            let flagged = self.words.iter().any(|word| text.contains(word));
            Judgement { categories: flagged.then(|| "forbidden".to_owned()).into_iter().collect() }
        };
        Ok(texts.iter().map(judge).collect())
    }
}
