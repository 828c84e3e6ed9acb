//! A client's events until they are done, one after the other: the library hands them over as they come, and does not
//! wait. So what waits is bounded, and who sends more than that is flooding.

use crate::dialect::Undecodable;
use parlor_domain::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// How many events may wait.
const EVENTS: usize = 128;
/// How much their texts may come to, in bytes.
const BYTES: usize = 4 * 1024 * 1024;

/// What an event asks, or why it asks nothing.
pub(super) type Asked = Result<Command, Undecodable>;

/// Where events go in.
#[derive(Clone)]
pub(super) struct Sender {
    events: mpsc::Sender<(Asked, usize)>,
    bytes: Arc<AtomicUsize>,
}

/// Where they come out.
pub(super) struct Inbox {
    events: mpsc::Receiver<(Asked, usize)>,
    bytes: Arc<AtomicUsize>,
}

pub(super) fn channel() -> (Sender, Inbox) {
    let (sender, receiver) = mpsc::channel(EVENTS);
    let bytes = Arc::new(AtomicUsize::new(0));
    (Sender { events: sender, bytes: Arc::clone(&bytes) }, Inbox { events: receiver, bytes })
}

impl Sender {
    /// Puts an event in that holds about `weight` bytes. False where there is no room for it.
    pub(super) fn push(&self, asked: Asked, weight: usize) -> bool {
        let before = self.bytes.fetch_add(weight, Ordering::AcqRel);
        let fits = before == 0 || before + weight <= BYTES;
        let pushed = fits && self.events.try_send((asked, weight)).is_ok();
        if !pushed {
            self.bytes.fetch_sub(weight, Ordering::AcqRel);
        }
        pushed
    }
}

impl Inbox {
    /// The next event; none once nobody can send one.
    pub(super) async fn next(&mut self) -> Option<Asked> {
        let (asked, weight) = self.events.recv().await?;
        self.bytes.fetch_sub(weight, Ordering::AcqRel);
        Some(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::socketio::unknown;

    /// Protects the memory from a client that sends and sends.
    #[tokio::test]
    async fn what_waits_is_bounded() {
        let (sender, mut inbox) = channel();
        assert!((0..EVENTS).all(|_| sender.push(Err(unknown()), 10)));
        assert!(!sender.push(Err(unknown()), 10), "there are too many");
        while sender.bytes.load(Ordering::Acquire) > 0 {
            inbox.next().await.unwrap().unwrap_err();
        }
        assert!(sender.push(Err(unknown()), BYTES + 1), "one is let through, whatever its size");
        assert!(!sender.push(Err(unknown()), 1), "it is too much");
        inbox.next().await.unwrap().unwrap_err();
        assert!(sender.push(Err(unknown()), 1));
    }
}
