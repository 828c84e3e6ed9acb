//! Who is in a room: told to those who look at it, what changed since the last time, at most once in an interval.

use super::Conversation;
use crate::UserId;
use crate::event::{EventBody, Presence};
use crate::outbox::Delivery;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::time::Instant;

/// How many changes one event tells at most. The others follow with the next.
const BATCH: usize = 200;

/// What was told, and what is to be looked at again.
#[derive(Debug, Default)]
pub(super) struct PresenceBook {
    online: HashSet<UserId>,
    touched: Vec<(UserId, Arc<str>)>,
    /// Nothing more may be told before.
    resting_until: Option<Instant>,
}

impl PresenceBook {
    /// When there is something to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.touched.is_empty() { None } else { Some(self.resting_until.unwrap_or_else(Instant::now)) }
    }
}

impl Conversation {
    /// Tells who came and went, where that is due.
    pub(super) fn tell_presence(&mut self) {
        let mut touched = self.subscribers.take_touched();
        if self.room.is_none() {
            return;
        }
        self.presence.touched.append(&mut touched);
        let now = Instant::now();
        if self.presence.touched.is_empty() || self.presence.resting_until.is_some_and(|until| until > now) {
            return;
        }
        self.presence.resting_until = Some(now + self.shared.settings.presence_interval);
        let changes = self.presence_changes();
        let body = |changes| EventBody::Presence { conversation: self.summary.id, changes };
        match changes.as_slice() {
            [] => {}
            [only] => {
                let user = only.user;
                let event = self.event(body(changes));
                self.subscribers.deliver(&[Delivery::AllBut(user, event)]);
            }
            _ => {
                let event = self.event(body(changes));
                self.subscribers.deliver(&[Delivery::All(event)]);
            }
        }
    }

    /// What of the touched is not as it was told last: who came and went in between is no news.
    fn presence_changes(&mut self) -> Vec<Presence> {
        let mut changes = Vec::new();
        while changes.len() < BATCH
            && let Some((user, name)) = self.presence.touched.pop()
        {
            let online = self.subscribers.count_of(user) > 0;
            let is_news =
                if online { self.presence.online.insert(user) } else { self.presence.online.remove(&user) };
            if is_news {
                changes.push(Presence { user, name, online });
            }
        }
        changes
    }
}
