//! The figures of this node for who watches them: looked at and encoded once a tick for all who do, and not at all while
//! nobody does.

use crate::dialect::Dialect;
use crate::traffic::Traffic;
use parking_lot::Mutex;
use parlor_domain::{
    BackendState, Caller, ConnectionId, Correlation, ErrorCode, Hub, Live, Outbox, Outgoing, Refusal, Reply,
    ReplyBody,
};
use parlor_protocol::rooms::{LiveBackend, LiveFigures};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

/// Between two looks.
const TICK: Duration = Duration::from_secs(2);
/// After how many looks it is asked again whether who watches may: every 10 seconds.
const ASKED_AGAIN: u32 = 5;
/// How many connections may watch at once. More get `RATE_LIMIT`.
const WATCHERS: usize = 64;

/// Who watches this node, and what they see.
pub(crate) struct LiveFeed {
    hub: Hub,
    sockets: TaskTracker,
    traffic: Arc<Traffic>,
    watchers: Mutex<Watchers>,
    /// The one task that looks, while somebody watches.
    task: TaskTracker,
}

#[derive(Default)]
struct Watchers {
    list: Vec<Watcher>,
    /// Whether the task is there. It ends under this lock, so that none is missing and there are never two.
    is_looking: bool,
}

#[derive(Clone)]
struct Watcher {
    outbox: Arc<Outbox>,
    dialect: &'static dyn Dialect,
    caller: Caller,
}

/// A connection that watches, until this is dropped.
pub(crate) struct Watching {
    feed: Arc<LiveFeed>,
    connection: ConnectionId,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.feed.watchers.lock().list.retain(|it| it.outbox.connection() != self.connection);
    }
}

impl LiveFeed {
    pub(crate) fn new(hub: Hub, sockets: TaskTracker, traffic: Arc<Traffic>) -> Self {
        Self { hub, sockets, traffic, watchers: Mutex::default(), task: TaskTracker::new() }
    }

    /// What is to be told of a look.
    pub(crate) fn told(&self, live: Live) -> LiveFigures<'static> {
        let Live { figures, messages, backends, uptime } = live;
        let (bytes_received, bytes_sent) = self.traffic.totals();
        LiveFigures {
            connections: self.sockets.len(),
            users: figures.users,
            conversations_live: figures.conversations,
            turns: figures.turns,
            queue_turns: figures.turns_waiting,
            queue_commands: figures.commands_waiting,
            messages,
            bytes_received,
            bytes_sent,
            uptime: uptime.as_secs_f64(),
            backends: backends.into_iter().map(backend).collect(),
        }
    }

    /// Answers with a look, and goes on to tell every one from now on. A connection watches once at a time. Errors:
    /// `FORBIDDEN` for who is no admin, which is written down; `RATE_LIMIT` where too many watch; `INTERNAL`.
    pub(crate) async fn watch(
        self: &Arc<Self>,
        caller: Caller,
        outbox: &Arc<Outbox>,
        dialect: &'static dyn Dialect,
        correlation: &Correlation,
    ) -> Result<Watching, Refusal> {
        let look = self.told(self.hub.live(&caller).await?);
        let answer = dialect.live(&look, correlation).ok_or_else(|| Refusal::of(ErrorCode::UnknownType))?;
        let mut watchers = self.watchers.lock();
        if watchers.list.len() >= WATCHERS {
            return Err(Refusal::of(ErrorCode::RateLimit));
        }
        watchers.list.push(Watcher { outbox: Arc::clone(outbox), dialect, caller });
        // Before the next look, because the list is locked.
        outbox.push(Outgoing::Raw(answer));
        if !watchers.is_looking {
            watchers.is_looking = true;
            self.task.spawn(Arc::clone(self).look());
        }
        Ok(Watching { feed: Arc::clone(self), connection: outbox.connection() })
    }

    /// Looks once a tick, for as long as somebody watches.
    async fn look(self: Arc<Self>) {
        let mut looks = 0_u32;
        loop {
            tokio::select! {
                () = self.hub.closing() => return,
                () = sleep(TICK) => {}
            }
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(ASKED_AGAIN) {
                self.ask_again().await;
            }
            let mut watchers = self.watchers.lock();
            watchers.list.retain(|it| !it.outbox.is_closed());
            let Some(first) = watchers.list.first() else {
                watchers.is_looking = false;
                return;
            };
            let look = self.told(self.hub.live_figures());
            let Some(frame) = first.dialect.live(&look, &Correlation::default()) else { continue };
            for watcher in &watchers.list {
                watcher.outbox.push(Outgoing::Raw(frame.clone()));
            }
        }
    }

    /// Who is no admin any more is told so, and sees no more. A sign-in that ends closes its sockets by itself. Where that
    /// cannot be found out, say because the database is away, who could watch still can.
    async fn ask_again(&self) {
        let asked = self.watchers.lock().list.clone();
        for watcher in asked {
            let Err(refusal) = self.hub.live_again(&watcher.caller).await else { continue };
            if refusal.code == ErrorCode::Forbidden {
                self.end(&watcher, refusal);
            }
        }
    }

    fn end(&self, watcher: &Watcher, refusal: Refusal) {
        let connection = watcher.outbox.connection();
        self.watchers.lock().list.retain(|it| it.outbox.connection() != connection);
        let body = ReplyBody::Refused { refusal, conversation: None };
        let reply = Reply { correlation: Correlation::default(), room: None, body };
        watcher.outbox.push(Outgoing::Raw(watcher.dialect.reply(&reply)));
    }

    /// Waits for the end of the task, once the sockets are closed.
    pub(crate) async fn finish(&self) {
        self.task.close();
        self.task.wait().await;
    }
}

fn backend(state: BackendState) -> LiveBackend<'static> {
    let BackendState { name, is_worker, turns, takes_turns } = state;
    let kind = if is_worker { "worker" } else { "provider" };
    LiveBackend { name: name.into(), kind: kind.into(), turns, takes_turns }
}
