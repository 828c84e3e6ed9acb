//! Which connections are open: in all, and of each user (their tabs and devices).

use crate::event::{Correlation, Reply, ReplyBody};
use crate::outbox::{Close, Ear, Outbox};
use crate::ports::GrantId;
use crate::settings::Limits;
use crate::{CloseCode, ErrorCode, Refusal, UserId};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

/// The open connections by user.
#[derive(Default)]
pub(crate) struct Registry(RwLock<Connections>);

#[derive(Default)]
struct Connections {
    of: HashMap<UserId, Vec<Arc<Outbox>>>,
    total: usize,
}

/// Ends a connection whose sign-in has ended.
pub(crate) fn sign_out(outbox: &Outbox) {
    let body = ReplyBody::Refused { refusal: Refusal::of(ErrorCode::InvalidToken), conversation: None };
    outbox.reply(Reply { correlation: Correlation::default(), room: None, body });
    outbox.close(Close { code: CloseCode::Unauthenticated, reason: "Signed out".into() });
}

impl Registry {
    /// Adds a connection, if there is room for it.
    pub(crate) fn add(&self, outbox: &Arc<Outbox>, limits: &Limits) -> Result<(), Refusal> {
        let mut connections = self.0.write();
        let of_user = connections.of.get(&outbox.user()).map_or(0, Vec::len);
        if limits.connections.is_some_and(|most| connections.total >= most) {
            return Err(Refusal::new(
                ErrorCode::TooManyConnections,
                "the server has no room for a connection",
            ));
        }
        if limits.connections_per_user.is_some_and(|most| of_user >= most) {
            return Err(Refusal::new(ErrorCode::TooManyConnections, "this user has too many connections"));
        }
        connections.total += 1;
        connections.of.entry(outbox.user()).or_default().push(Arc::clone(outbox));
        Ok(())
    }

    /// Takes a connection out again.
    pub(crate) fn remove(&self, outbox: &Outbox) {
        let mut connections = self.0.write();
        let Some(of_user) = connections.of.get_mut(&outbox.user()) else { return };
        let Some(index) = of_user.iter().position(|it| it.connection() == outbox.connection()) else {
            return;
        };
        of_user.swap_remove(index);
        if of_user.is_empty() {
            connections.of.remove(&outbox.user());
        }
        connections.total -= 1;
    }

    /// How many connections a user has.
    pub(crate) fn count(&self, user: UserId) -> usize {
        self.0.read().of.get(&user).map_or(0, Vec::len)
    }

    /// How many connections there are.
    pub(crate) fn total(&self) -> usize {
        self.0.read().total
    }

    /// How many users have a connection.
    pub(crate) fn users(&self) -> usize {
        self.0.read().of.len()
    }

    /// Ends a user's connections that come of a sign-in which has ended.
    pub(crate) fn end_grant(&self, user: UserId, grant: GrantId) {
        let connections = self.0.read();
        let of_user = connections.of.get(&user).into_iter().flatten();
        of_user.filter(|outbox| outbox.grant() == grant).for_each(|outbox| sign_out(outbox));
    }

    /// Calls `visit` with each of a user's connections that hear of what they have not asked for. It runs under the lock: it must not come back here.
    pub(crate) fn each(&self, user: UserId, visit: impl FnMut(&Arc<Outbox>)) {
        self.0
            .read()
            .of
            .get(&user)
            .into_iter()
            .flatten()
            .filter(|outbox| outbox.ear() == Ear::Everything)
            .for_each(visit);
    }

    /// The same of those that hear anything but answers.
    pub(crate) fn each_listener(&self, user: UserId, visit: impl FnMut(&Arc<Outbox>)) {
        let connections = self.0.read();
        let of_user = connections.of.get(&user).into_iter().flatten();
        of_user.filter(|outbox| outbox.ear() != Ear::Answers).for_each(visit);
    }

    /// Whether a user has such connections.
    pub(crate) fn is_listening(&self, user: UserId) -> bool {
        let connections = self.0.read();
        connections.of.get(&user).into_iter().flatten().any(|outbox| outbox.ear() != Ear::Answers)
    }

    /// A user's connections that follow all of that user's own turns.
    pub(crate) fn own_followers(&self, user: UserId) -> Vec<Arc<Outbox>> {
        let connections = self.0.read();
        let of_user = connections.of.get(&user).into_iter().flatten();
        of_user.filter(|outbox| outbox.ear() == Ear::OwnTurns).cloned().collect()
    }
}
