//! What a completion has said and its reader has not taken yet. Who reads slowly, or not at all, delays nobody: the reply
//! is made to its end, gives its place at the backend back, and waits here, where it is as long as a reply can be.

use super::{CompletionEnd, CompletionPiece};
use crate::generation::PieceBody;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub(super) struct Spool {
    state: Mutex<State>,
    news: Notify,
    /// The reader has gone.
    pub(super) gone: CancellationToken,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<CompletionPiece>,
    ended: bool,
}

impl Spool {
    pub(super) fn push(&self, body: PieceBody) {
        let piece = match body {
            PieceBody::Text(text) => CompletionPiece::Content(text),
            PieceBody::Reasoning(text) => CompletionPiece::Reasoning(text),
            PieceBody::ToolCall(call) => CompletionPiece::ToolCall(call),
            // Only thoughts were shown before: no other backend is asked after the first content.
            PieceBody::Restarted(_) => return,
        };
        self.state.lock().push(piece);
        self.news.notify_one();
    }

    /// The end, of which there is one.
    pub(super) fn end(&self, end: CompletionEnd) {
        {
            let mut state = self.state.lock();
            if std::mem::replace(&mut state.ended, true) {
                return;
            }
            state.waiting.push_back(CompletionPiece::End(Box::new(end)));
        }
        self.news.notify_one();
    }

    /// The next piece; none after the end.
    pub(super) async fn next(&self) -> Option<CompletionPiece> {
        loop {
            {
                let mut state = self.state.lock();
                let next = state.waiting.pop_front();
                if next.is_some() || state.ended {
                    return next;
                }
            }
            self.news.notified().await;
        }
    }
}

impl State {
    /// Joins what waits: a reader that comes late gets it in few pieces.
    fn push(&mut self, piece: CompletionPiece) {
        match (self.waiting.back_mut(), piece) {
            (Some(CompletionPiece::Content(before)), CompletionPiece::Content(text))
            | (Some(CompletionPiece::Reasoning(before)), CompletionPiece::Reasoning(text)) => {
                before.push_str(&text);
            }
            (_, piece) => self.waiting.push_back(piece),
        }
    }
}
