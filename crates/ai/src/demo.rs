//! The built-in assistant: no model, no key, no network, and a real streamed reply to try a client with.

mod reply;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use parlor_domain::message::Usage;
use parlor_domain::ports::{Backend, BackendError, Delta, Extra, Finish, TurnRequest, TurnStream};
use reply::Reply;
use serde_json::json;
use std::time::Duration;

/// The name that the demo gives as its model.
pub const MODEL: &str = "parlor-demo";

/// About as fast as a person reads.
const PACE: Duration = Duration::from_millis(25);

/// Answers every turn by itself, word by word. It serves every model's name, so that clients which ask for one can
/// be tried without it; install it only where nothing better is configured.
#[derive(Debug, Clone, Copy)]
pub struct Demo {
    pace: Duration,
}

impl Default for Demo {
    fn default() -> Self {
        Self { pace: PACE }
    }
}

impl Demo {
    /// A demo that waits `pace` before every word but the first. Zero is for tests.
    pub const fn with_pace(pace: Duration) -> Self {
        Self { pace }
    }
}

#[async_trait]
impl Backend for Demo {
    fn name(&self) -> &'static str {
        "demo"
    }

    fn serves(&self, _model: Option<&str>) -> bool {
        true
    }

    fn models(&self) -> Vec<String> {
        vec![MODEL.to_owned()]
    }

    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError> {
        let prompt_tokens = request.context.iter().map(|piece| words(&piece.content)).sum();
        let reply = reply::to(&request.context);
        let performance = Performance {
            pace: self.pace.saturating_mul(reply.slowness),
            usage: Usage { prompt_tokens, ..Usage::default() },
            raw_events: request.raw_events,
            words_left: request.max_tokens.map_or(u64::MAX, u64::from),
            reply,
            said: 0,
            stage: Stage::Model,
        };
        Ok(stream::unfold(performance, Performance::next).map(Ok).fuse().boxed())
    }
}

/// The demo's tokens are words: its figures are exact.
fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// A reply that is being said.
struct Performance {
    reply: Reply,
    /// How many bytes of it have been said.
    said: usize,
    pace: Duration,
    words_left: u64,
    usage: Usage,
    /// Whether it says what an API would, too.
    raw_events: bool,
    stage: Stage,
}

/// What comes next.
enum Stage {
    Model,
    Words,
    Figures,
    End,
    Silence,
}

impl Performance {
    async fn next(mut self) -> Option<(Delta, Self)> {
        let delta = match self.stage {
            Stage::Model => {
                self.stage = Stage::Words;
                Delta::Model(MODEL.to_owned())
            }
            Stage::Words => self.words().await,
            Stage::Figures => {
                self.stage = Stage::End;
                Delta::Usage(self.usage)
            }
            Stage::End => {
                self.stage = Stage::Silence;
                Delta::End(Finish::Stop)
            }
            Stage::Silence => return None,
        };
        Some((delta, self))
    }

    async fn words(&mut self) -> Delta {
        if self.said > 0 && !self.pace.is_zero() {
            tokio::time::sleep(self.pace).await;
        }
        if let Some(word) = self.word() {
            return Delta::Content(word);
        }
        if self.raw_events {
            self.stage = Stage::Figures;
            return Delta::Raw(self.event());
        }
        self.stage = Stage::End;
        Delta::Usage(self.usage)
    }

    /// The one event of an API that the demo has.
    fn event(&self) -> Extra {
        let Usage { prompt_tokens, completion_tokens, .. } = self.usage;
        let usage = json!({"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens});
        json!({"model": MODEL, "usage": usage}).to_string().into()
    }

    /// The next word with the space after it.
    fn word(&mut self) -> Option<String> {
        let word = reply::first_word(&self.reply.text[self.said..]);
        if word.is_empty() || self.words_left == 0 {
            return None;
        }
        self.said += word.len();
        self.words_left -= 1;
        self.usage.completion_tokens += 1;
        Some(word.to_owned())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_domain::UserId;
    use parlor_domain::ports::{ContextMessage, Speaker};
    use tokio::time::Instant;

    async fn open(demo: Demo, message: &str, max_tokens: Option<u32>) -> TurnStream {
        let context = vec![ContextMessage::new(Speaker::User, message)];
        let model = Some("gpt-4".to_owned());
        let request = TurnRequest { model, max_tokens, ..TurnRequest::new(UserId::new(), context) };
        demo.open(request).await.unwrap()
    }

    async fn deltas(message: &str, max_tokens: Option<u32>) -> Vec<Delta> {
        let stream = open(Demo::with_pace(Duration::ZERO), message, max_tokens).await;
        stream.map(Result::unwrap).collect().await
    }

    fn content(text: &str) -> Delta {
        Delta::Content(text.to_owned())
    }

    fn usage(prompt_tokens: u64, completion_tokens: u64) -> Delta {
        Delta::Usage(Usage { prompt_tokens, completion_tokens, estimated: false })
    }

    #[tokio::test]
    async fn a_reply_is_its_model_its_words_its_figures_and_an_end() {
        let model = Delta::Model(MODEL.to_owned());
        let expect = [model.clone(), content("a "), content("b"), usage(3, 2), Delta::End(Finish::Stop)];
        assert_eq!(deltas("echo a b", None).await, expect);
        let expect = [model, content("1 "), content("2 "), usage(3, 2), Delta::End(Finish::Stop)];
        assert_eq!(deltas("count to 9", Some(2)).await, expect);
    }

    /// Protects who tries a client out that shows events of the API: there is one, and nothing else is different.
    #[tokio::test]
    async fn it_has_an_event_where_events_are_wanted() {
        let context = vec![ContextMessage::new(Speaker::User, "echo a b")];
        let request = TurnRequest { raw_events: true, ..TurnRequest::new(UserId::new(), context) };
        let stream = Demo::with_pace(Duration::ZERO).open(request).await.unwrap();
        let mut said: Vec<Delta> = stream.map(Result::unwrap).collect().await;
        let Delta::Raw(event) = said.remove(3) else { panic!("{said:?}") };
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        assert_eq!(event, json!({"model": MODEL, "usage": {"prompt_tokens": 3, "completion_tokens": 2}}));
        assert_eq!(said, deltas("echo a b", None).await);
    }

    /// Protects clients that choose from a list of models: the demo stands in it as what it is.
    #[test]
    fn it_lists_itself_and_serves_every_name() {
        let demo = Demo::default();
        assert_eq!(demo.models(), [MODEL]);
        assert!(demo.serves(None) && demo.serves(Some("gpt-4")));
    }

    #[tokio::test(start_paused = true)]
    async fn it_speaks_at_its_pace_and_more_slowly_when_asked() {
        let start = Instant::now();
        let mut stream = open(Demo::default(), "count to 9", None).await;
        assert_eq!(stream.by_ref().take(2).count().await, 2);
        assert_eq!(start.elapsed(), Duration::ZERO, "the first word comes at once");
        assert_eq!(stream.by_ref().take(4).count().await, 4);
        assert_eq!(start.elapsed(), 4 * PACE);

        let start = Instant::now();
        open(Demo::default(), "slow", None).await.take(12).count().await;
        assert_eq!(start.elapsed(), 100 * PACE);
    }
}
