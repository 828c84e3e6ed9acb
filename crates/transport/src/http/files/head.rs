//! How much may come before a form's file: who takes a form apart keeps all that is not yet a field's, and looks through
//! it again with each piece.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, ready};

/// The most bytes that come without a field beginning.
pub(super) const HEAD_MAX: usize = 64 * 1024;
/// How much is looked through at once, so that what a network packs together with a short head does not count.
const PIECE: usize = 4 * 1024;
/// So much may come once the file has begun.
const ALL: usize = usize::MAX;

/// Counts what comes before a field.
#[derive(Clone)]
pub(super) struct Head(Arc<AtomicUsize>);

impl Head {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(HEAD_MAX)))
    }

    /// A field has begun.
    pub(super) fn has_field(&self) {
        self.0.store(HEAD_MAX, Ordering::Relaxed);
    }

    /// The file has begun: what follows is as long as it is.
    pub(super) fn has_file(&self) {
        self.0.store(ALL, Ordering::Relaxed);
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ALL
    }

    /// The body, which breaks off where too much has come.
    pub(super) fn of(&self, body: Body) -> Body {
        let (head, mut data) = (self.clone(), body.into_data_stream());
        let (mut rest, mut comes_next) = (Bytes::new(), true);
        Body::from_stream(stream::poll_fn(move |cx| {
            // One piece at a time: each is looked at before the next comes.
            if !std::mem::replace(&mut comes_next, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            while rest.is_empty() {
                match ready!(data.poll_next_unpin(cx)) {
                    Some(Ok(piece)) => rest = piece,
                    end => return Poll::Ready(end),
                }
            }
            comes_next = head.is_over();
            Poll::Ready(Some(head.take(&mut rest)))
        }))
    }

    fn take(&self, rest: &mut Bytes) -> Result<Bytes, axum::Error> {
        let left = self.0.load(Ordering::Relaxed);
        if left == ALL {
            return Ok(std::mem::take(rest));
        }
        if left == 0 {
            return Err(axum::Error::new(io::Error::other("the form's head is too long")));
        }
        let piece = rest.split_to(rest.len().min(PIECE).min(left));
        self.0.store(left - piece.len(), Ordering::Relaxed);
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pieces(head: &Head, body: Vec<u8>) -> Vec<usize> {
        let mut data = head.of(Body::from(body)).into_data_stream();
        let mut lengths = Vec::new();
        while let Some(Ok(piece)) = data.next().await {
            lengths.push(piece.len());
        }
        lengths
    }

    /// Protects the memory from a form that never begins, and a file from being taken for one.
    #[tokio::test]
    async fn only_a_head_is_bounded() {
        let head = Head::new();
        let lengths = pieces(&head, vec![0; HEAD_MAX + 1]).await;
        assert_eq!(lengths, [PIECE; HEAD_MAX / PIECE]);
        assert!(head.is_too_long());
        let head = Head::new();
        assert_eq!(pieces(&head, vec![0; HEAD_MAX - 1]).await.iter().sum::<usize>(), HEAD_MAX - 1);
        assert!(!head.is_too_long());
        head.has_field();
        assert_eq!(pieces(&head, vec![0; 5]).await, [5]);
        head.has_file();
        assert_eq!(pieces(&head, vec![0; 10 * HEAD_MAX]).await, [10 * HEAD_MAX]);
    }
}
