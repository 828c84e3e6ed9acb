//! How many large frames a server reads at once. Each is in memory from its first byte until it has been done; a
//! hundred uploads would have as many mebibytes there, waiting for one disk. Before the gate they wait in their sockets, and
//! there is no buffer for them yet.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// From how many bytes on that are still to come a frame is large.
const LARGE: u64 = 64 * 1024;
/// How many are read or done at once.
const PLACES: usize = 32;
/// How long one waits for a place. Then it is read without: clients that begin frames and never end them slow others down,
/// and cannot stop them.
const PATIENCE: Duration = Duration::from_secs(1);

/// The gate of a server.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }
}

type Place = Option<OwnedSemaphorePermit>;

/// Where a connection stands with its newest frame.
#[derive(Default)]
pub(super) enum Passage {
    /// It is none that is large.
    #[default]
    Outside,
    Waiting(Pin<Box<dyn Future<Output = Place> + Send>>),
    /// It is read or done, with a place or without.
    Inside(#[allow(dead_code, reason = "held for as long as the frame; only tests look at it")] Place),
}

impl Passage {
    /// Whether nothing more may be read.
    pub(super) fn waits(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }
}

impl Gate {
    /// Is ready when a frame of which so many bytes are still to come may be read.
    pub(super) fn poll(&self, passage: &mut Passage, to_come: u64, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match passage {
                Passage::Outside if to_come < LARGE => return Poll::Ready(()),
                Passage::Outside => *passage = self.enter(),
                Passage::Waiting(place) => match place.as_mut().poll(context) {
                    Poll::Ready(place) => *passage = Passage::Inside(place),
                    Poll::Pending => return Poll::Pending,
                },
                Passage::Inside(_) => return Poll::Ready(()),
            }
        }
    }

    fn enter(&self) -> Passage {
        let places = Arc::clone(&self.0);
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => Passage::Inside(Some(place)),
            Err(_) => Passage::Waiting(Box::pin(async move {
                let place = tokio::time::timeout(PATIENCE, places.acquire_owned()).await;
                place.ok().and_then(Result::ok)
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::Instant;

    async fn pass(gate: &Gate, to_come: u64) -> Passage {
        let mut passage = Passage::default();
        poll_fn(|context| gate.poll(&mut passage, to_come, context)).await;
        passage
    }

    /// Protects memory, and everybody from clients that end no frame: who finds no place waits, goes on when one is
    /// left, and goes on without one after a while. What is small never waits.
    #[tokio::test(start_paused = true)]
    async fn large_frames_wait_for_a_place_but_not_for_ever() {
        let gate = Gate::default();
        let mut inside = Vec::new();
        for _ in 0..PLACES {
            inside.push(pass(&gate, LARGE).await);
        }
        let began = Instant::now();
        assert!(matches!(pass(&gate, LARGE - 1).await, Passage::Outside));
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(matches!(pass(&gate, LARGE).await, Passage::Inside(None)));
        assert_eq!(began.elapsed(), PATIENCE);
        let leaves = async {
            tokio::time::sleep(PATIENCE / 2).await;
            inside.pop();
        };
        let (passage, ()) = tokio::join!(pass(&gate, LARGE), leaves);
        assert!(matches!(passage, Passage::Inside(Some(_))));
        assert_eq!(began.elapsed(), PATIENCE * 3 / 2);
    }
}
