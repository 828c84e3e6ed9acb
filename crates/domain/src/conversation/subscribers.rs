//! The connections that get a conversation's events.

use super::Origin;
use crate::event::{Event, EventBody, Reply, ReplyBody};
use crate::outbox::{Delivery, Outbox, Outgoing};
use crate::{CloseCode, ConnectionId, RoomId, UserId};
use std::collections::HashMap;
use std::sync::Arc;

/// How many bytes may wait for a connection that reads the log. More: it resumes again.
const CATCH_UP_LIMIT: usize = 1024 * 1024;

/// Subscribers by connection. Those that still read the log stand aside, so that the way of an event is one loop.
#[derive(Default)]
pub(crate) struct Subscribers {
    live: Vec<Arc<Outbox>>,
    index: HashMap<ConnectionId, usize>,
    per_user: HashMap<UserId, usize>,
    catching_up: HashMap<ConnectionId, CatchingUp>,
    /// Users whose first connection came or whose last one went, since [`Self::take_touched`].
    touched: Vec<(UserId, Arc<str>)>,
}

/// A connection that reads the log, and the entries and answers that came meanwhile.
struct CatchingUp {
    outbox: Arc<Outbox>,
    kept: Vec<Outgoing>,
    bytes: usize,
}

impl Subscribers {
    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.catching_up.is_empty()
    }

    pub(crate) fn contains(&self, connection: ConnectionId) -> bool {
        self.index.contains_key(&connection) || self.catching_up.contains_key(&connection)
    }

    /// Whether the connection gets events at once.
    fn is_live(&self, connection: ConnectionId) -> bool {
        self.index.contains_key(&connection)
    }

    /// How many of the user's connections are here.
    pub(crate) fn count_of(&self, user: UserId) -> usize {
        self.per_user.get(&user).copied().unwrap_or(0)
    }

    /// Adds a connection that gets everything from now on.
    fn add_live(&mut self, outbox: Arc<Outbox>) {
        if self.is_live(outbox.connection()) {
            return;
        }
        if self.catching_up.remove(&outbox.connection()).is_none() {
            self.count_user(&outbox);
        }
        self.index.insert(outbox.connection(), self.live.len());
        self.live.push(outbox);
    }

    /// Adds a connection whose entries are kept until [`Self::go_live`].
    pub(crate) fn add_catching_up(&mut self, outbox: &Arc<Outbox>) {
        self.remove(outbox.connection());
        self.count_user(outbox);
        let waiting = CatchingUp { outbox: Arc::clone(outbox), kept: Vec::new(), bytes: 0 };
        self.catching_up.insert(outbox.connection(), waiting);
    }

    /// Gives a connection what it waited for. None where it does not wait.
    pub(crate) fn go_live(&mut self, connection: ConnectionId) -> Option<Arc<Outbox>> {
        let waiting = self.catching_up.get_mut(&connection)?;
        let outbox = Arc::clone(&waiting.outbox);
        for item in std::mem::take(&mut waiting.kept) {
            outbox.push(item);
        }
        self.add_live(Arc::clone(&outbox));
        Some(outbox)
    }

    pub(crate) fn remove(&mut self, connection: ConnectionId) {
        let removed = if let Some(waiting) = self.catching_up.remove(&connection) {
            Some(waiting.outbox)
        } else {
            self.index.get(&connection).copied().map(|index| self.remove_live(index))
        };
        if let Some(outbox) = removed {
            self.forget_user(&outbox);
        }
    }

    /// Removes all of a user's connections, and gives them.
    pub(crate) fn remove_user(&mut self, user: UserId) -> Vec<Arc<Outbox>> {
        let of_user: Vec<_> = self.all().filter(|outbox| outbox.user() == user).cloned().collect();
        of_user.iter().for_each(|outbox| self.remove(outbox.connection()));
        of_user
    }

    /// Removes everybody.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The users that are here.
    pub(crate) fn users(&self) -> impl Iterator<Item = UserId> {
        self.per_user.keys().copied()
    }

    /// The users whose first connection came or whose last one went since the last call.
    pub(crate) fn take_touched(&mut self) -> Vec<(UserId, Arc<str>)> {
        std::mem::take(&mut self.touched)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Outbox>> {
        self.live.iter().chain(self.catching_up.values().map(|waiting| &waiting.outbox))
    }

    fn remove_live(&mut self, index: usize) -> Arc<Outbox> {
        let outbox = self.live.swap_remove(index);
        self.index.remove(&outbox.connection());
        if let Some(moved) = self.live.get(index) {
            self.index.insert(moved.connection(), index);
        }
        outbox
    }

    fn count_user(&mut self, outbox: &Outbox) {
        let count = self.per_user.entry(outbox.user()).or_default();
        *count += 1;
        if *count == 1 {
            self.touched.push((outbox.user(), Arc::clone(outbox.name())));
        }
    }

    fn forget_user(&mut self, outbox: &Outbox) {
        if let Some(count) = self.per_user.get_mut(&outbox.user()) {
            *count -= 1;
            if *count == 0 {
                self.per_user.remove(&outbox.user());
                self.touched.push((outbox.user(), Arc::clone(outbox.name())));
            }
        }
    }

    /// Removes the connections that are closed.
    pub(crate) fn sweep(&mut self) {
        let closed: Vec<_> =
            self.all().filter(|outbox| outbox.is_closed()).map(|outbox| outbox.connection()).collect();
        closed.into_iter().for_each(|connection| self.remove(connection));
    }

    /// Ends every connection that is here.
    pub(crate) fn end_all(&mut self, code: CloseCode) {
        self.all().for_each(|outbox| outbox.close(code));
        self.clear();
    }

    /// An answer that must not outrun what its connection is still to get. None where that is no subscriber: it has
    /// its answer at once.
    pub(crate) fn answer(
        &self,
        origin: Origin,
        room: Option<RoomId>,
        body: ReplyBody,
    ) -> Option<(ConnectionId, Box<Reply>)> {
        let connection = origin.outbox.connection();
        if !self.contains(connection) {
            origin.reply(room, body);
            return None;
        }
        Some((connection, Box::new(Reply { correlation: origin.correlation, room, body })))
    }

    /// Puts all into every outbox. Where one is closed, its connection is no subscriber any more.
    pub(crate) fn deliver(&mut self, deliveries: &[Delivery]) {
        let position = deliveries.iter().rev().find_map(|delivery| delivery.event()?.position());
        let mut index = 0;
        while let Some(outbox) = self.live.get(index) {
            if outbox.deliver(deliveries, position) {
                index += 1;
            } else {
                let gone = self.remove_live(index);
                self.forget_user(&gone);
            }
        }
        for waiting in self.catching_up.values_mut() {
            deliveries.iter().for_each(|delivery| waiting.keep(delivery));
        }
        if self.catching_up.values().any(|waiting| waiting.outbox.is_closed()) {
            self.sweep();
        }
    }
}

impl Drop for Subscribers {
    /// Where the conversation's task panics, its connections must not wait for events that never come: they end,
    /// and resume.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.all().for_each(|outbox| outbox.close(CloseCode::Internal));
        }
    }
}

impl CatchingUp {
    /// Keeps an entry of the log, or the answer in its place. What is neither (typing, a live turn) is shown anew when
    /// the connection goes live.
    fn keep(&mut self, delivery: &Delivery) {
        let Some(item) = delivery.item_for(&self.outbox).and_then(lasting) else { return };
        if self.outbox.is_closed() {
            return;
        }
        self.bytes += item.weight();
        self.kept.push(item);
        if self.bytes > CATCH_UP_LIMIT {
            self.kept = Vec::new();
            self.outbox.close(CloseCode::TooSlow);
        }
    }
}

/// What of an item is worth keeping.
fn lasting(item: Outgoing) -> Option<Outgoing> {
    let Outgoing::Event(event) = item else { return Some(item) };
    if matches!(event.body(), EventBody::Members { .. }) {
        return Some(Outgoing::Event(event));
    }
    let message = Arc::clone(event.entry()?);
    match event.body() {
        // It never saw this turn begin: for it, the turn's end is simply a message.
        EventBody::TurnEnded { .. } => {
            Some(Outgoing::Event(Event::new(event.room().cloned(), EventBody::Message(message))))
        }
        _ => Some(Outgoing::Event(event)),
    }
}
