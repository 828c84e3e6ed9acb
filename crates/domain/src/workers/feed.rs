//! What a worker says of one reply, on its way to the turn that wants it. Whoever takes it slowly does not hold the
//! worker's other replies up: what waits is joined, and bounded.

use crate::ports::{BackendError, Delta};
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::Notify;

#[derive(Debug)]
pub(super) struct Feed {
    state: Mutex<State>,
    news: Notify,
    /// How many bytes may wait.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Delta>,
    bytes: usize,
    /// All the text that was streamed, to know what of a whole reply is new.
    streamed: String,
    error: Option<BackendError>,
    ended: bool,
}

impl Feed {
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), news: Notify::new(), most }
    }

    /// More of the reply. Nothing after its end.
    pub(super) fn push(&self, pieces: impl IntoIterator<Item = Delta>) {
        {
            let mut state = self.state.lock();
            pieces.into_iter().for_each(|piece| state.push(piece, self.most));
        }
        self.news.notify_one();
    }

    /// The rest of the reply: of its whole text, what was not streamed.
    pub(super) fn finish(&self, content: &str, pieces: Vec<Delta>) {
        let rest = {
            let state = self.state.lock();
            match content.strip_prefix(state.streamed.as_str()) {
                Some(rest) => rest.to_owned(),
                // What people have seen stays.
                None => String::new(),
            }
        };
        let rest = (!rest.is_empty()).then_some(Delta::Content(rest));
        self.push(rest.into_iter().chain(pieces));
    }

    pub(super) fn fail(&self, error: BackendError) {
        self.state.lock().fail(error);
        self.news.notify_one();
    }

    /// The next piece; none after the end. An error is the last thing, and outruns nothing.
    pub(super) async fn next(&self) -> Option<Result<Delta, BackendError>> {
        loop {
            if let Some(next) = self.state.lock().take() {
                return next;
            }
            self.news.notified().await;
        }
    }
}

impl State {
    fn push(&mut self, piece: Delta, most: usize) {
        if self.ended {
            return;
        }
        self.ended = matches!(piece, Delta::End(_));
        self.bytes += weight(&piece);
        if let Delta::Content(text) = &piece {
            self.streamed.push_str(text);
        }
        match (self.waiting.back_mut(), piece) {
            (Some(Delta::Content(before)), Delta::Content(text))
            | (Some(Delta::Reasoning(before)), Delta::Reasoning(text)) => before.push_str(&text),
            (_, piece) => self.waiting.push_back(piece),
        }
        if self.bytes > most || self.streamed.len() > most {
            self.fail(BackendError::Malformed(format!("more than {most} bytes of one reply")));
        }
    }

    fn fail(&mut self, error: BackendError) {
        if !std::mem::replace(&mut self.ended, true) {
            self.error = Some(error);
        }
    }

    /// None: nothing has come yet. None in it: the end.
    #[expect(clippy::option_option, reason = "nothing yet, and nothing more")]
    fn take(&mut self) -> Option<Option<Result<Delta, BackendError>>> {
        if let Some(piece) = self.waiting.pop_front() {
            self.bytes -= weight(&piece);
            return Some(Some(Ok(piece)));
        }
        if let Some(error) = self.error.take() {
            return Some(Some(Err(error)));
        }
        self.ended.then_some(None)
    }
}

/// What a piece holds in memory, roughly. Joined texts weigh what both did, and a little less.
fn weight(piece: &Delta) -> usize {
    match piece {
        Delta::Content(text) | Delta::Reasoning(text) | Delta::Model(text) => text.len(),
        Delta::ToolCall(call) => call.arguments.len() + 64,
        // There is one a reply, the frame with the reply's end: it is no longer than a frame, and says nothing new.
        Delta::Raw(_) | Delta::Usage(_) | Delta::About(_) | Delta::End(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Finish;
    use futures_util::FutureExt;

    fn text(text: &str) -> Delta {
        Delta::Content(text.to_owned())
    }

    fn all(feed: &Feed) -> Vec<Result<Delta, BackendError>> {
        std::iter::from_fn(|| feed.next().now_or_never().flatten()).collect()
    }

    /// Protects a reply from being said twice where a worker streams it and then sends it whole, and from losing its
    /// end where the worker streams only a part.
    #[test]
    fn a_whole_reply_adds_what_was_not_streamed() {
        let check = |streamed: &[&str], whole: &str, expect: &str| {
            let feed = Feed::new(100);
            streamed.iter().for_each(|piece| feed.push([text(piece)]));
            feed.finish(whole, vec![Delta::End(Finish::Stop)]);
            let said = all(&feed);
            assert_eq!(said.last(), Some(&Ok(Delta::End(Finish::Stop))));
            let texts = said.into_iter().filter_map(|piece| match piece {
                Ok(Delta::Content(text)) => Some(text),
                _ => None,
            });
            assert_eq!(texts.collect::<String>(), expect, "{streamed:?} and {whole:?}");
        };
        check(&[], "all at once", "all at once");
        check(&["all ", "of it"], "all of it", "all of it");
        check(&["all ", "of it"], "", "all of it");
        check(&["the begin"], "the beginning and the end", "the beginning and the end");
        check(&["one"], "another", "one");
    }

    /// Protects long replies that come whole: that their frame comes beside them makes them no longer.
    #[test]
    fn the_frame_of_a_reply_is_no_part_of_it() {
        let feed = Feed::new(10);
        let pieces =
            vec![Delta::Raw("{\"response_content\":\"1234567890\"}".into()), Delta::End(Finish::Stop)];
        feed.finish("1234567890", pieces.clone());
        let whole: Vec<_> = [text("1234567890")].into_iter().chain(pieces).map(Ok).collect();
        assert_eq!(all(&feed), whole);
    }

    /// Protects the memory: a worker that says more than anybody takes fails, with what it said before kept.
    #[test]
    fn what_waits_is_bounded() {
        let feed = Feed::new(10);
        feed.push([text("12345"), text("67890"), text("x"), text("never")]);
        let said = all(&feed);
        assert_eq!(said[0], Ok(text("1234567890x")));
        assert!(matches!(&said[1..], [Err(BackendError::Malformed(_))]), "{said:?}");
        feed.push([text("more")]);
        assert!(all(&feed).is_empty(), "nothing follows an end");
    }

    /// Pieces that wait are joined: a slow reader gets fewer, larger ones, in their order.
    #[test]
    fn neighbours_are_joined() {
        let feed = Feed::new(100);
        let thought = |text: &str| Delta::Reasoning(text.to_owned());
        feed.push([thought("a"), thought("b"), text("c"), text("d"), thought("e")]);
        let said: Vec<_> = all(&feed).into_iter().map(Result::unwrap).collect();
        assert_eq!(said, [thought("ab"), text("cd"), thought("e")]);
    }
}
