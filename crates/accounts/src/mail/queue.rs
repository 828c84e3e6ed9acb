//! The queue before a mailer: one task, which tries a mail three times and is done with it.

use super::{Mail, Mailer};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many mails may wait. When they do, further ones are dropped: their readers ask for another code.
const WAITING: usize = 1_000;
/// How many are on their way at the same time, so that one that is slow holds up no others.
const AT_ONCE: usize = 4;
/// How long a mail waits before its second and its third try. A code is good for minutes: later is too late.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Mail that waits to be sent. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MailQueue {
    sender: mpsc::Sender<Mail>,
    tasks: TaskTracker,
    /// What waits is still sent, nothing more is taken.
    closing: CancellationToken,
    /// What waits is lost.
    stop: CancellationToken,
}

impl MailQueue {
    /// A queue before `mailer`, with its task. It is called in a runtime of tokio.
    pub fn start(mailer: Arc<dyn Mailer>) -> Self {
        let (sender, inbox) = mpsc::channel(WAITING);
        let (tasks, closing, stop) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        tasks.spawn(run(mailer, inbox, closing.clone(), stop.clone()));
        Self { sender, tasks, closing, stop }
    }

    /// Puts a mail into the queue, or drops it where that is full or closed: nobody waits for a mail.
    pub fn send(&self, mail: Mail) {
        match self.sender.try_send(mail) {
            Ok(()) => {}
            Err(TrySendError::Full(mail)) => {
                tracing::error!(mail = %mail.id, "dropped: {WAITING} mails wait");
            }
            Err(TrySendError::Closed(mail)) => tracing::warn!(mail = %mail.id, "dropped: the server stops"),
        }
    }

    /// Takes no more mail, and waits until what there is has been sent, at most for `grace`.
    pub async fn close(&self, grace: Duration) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            self.stop.cancel();
            self.tasks.wait().await;
        }
    }
}

async fn run(
    mailer: Arc<dyn Mailer>,
    mut inbox: mpsc::Receiver<Mail>,
    closing: CancellationToken,
    stop: CancellationToken,
) {
    let mut sending = FuturesUnordered::new();
    let (mut open, mut closed) = (true, false);
    while open || !sending.is_empty() {
        tokio::select! {
            () = stop.cancelled() => {
                let lost = sending.len() + inbox.len();
                tracing::warn!(lost, "mails were not sent: the server stops");
                return;
            }
            () = closing.cancelled(), if !closed => {
                inbox.close();
                closed = true;
            }
            next = inbox.recv(), if open && sending.len() < AT_ONCE => match next {
                Some(mail) => sending.push(deliver(mailer.as_ref(), mail)),
                None => open = false,
            },
            Some(()) = sending.next() => {}
        }
    }
}

/// Sends a mail, or gives it up.
async fn deliver(mailer: &dyn Mailer, mail: Mail) {
    let mut pauses = PAUSES.iter();
    while let Err(error) = mailer.send(&mail).await {
        let pause = if error.permanent { None } else { pauses.next() };
        let (cause, again) = (error.source, pause.is_some());
        tracing::warn!(mail = %mail.id, %cause, again, "a mail was not sent");
        match pause {
            Some(pause) => tokio::time::sleep(*pause).await,
            None => return,
        }
    }
}
