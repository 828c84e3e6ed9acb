//! The turns that wait for a backend: each user's in their order, and the users in turns, so that who has many waiting
//! delays nobody's first.

use super::Lease;
use super::pool::Wish;
use crate::UserId;
use std::collections::{HashMap, VecDeque};
use tokio::sync::oneshot;

/// One turn that waits.
pub(super) struct Waiter {
    pub(super) ticket: u64,
    pub(super) wish: Wish,
    pub(super) grant: oneshot::Sender<Lease>,
}

#[derive(Default)]
pub(super) struct Queue {
    /// The users that have something waiting, the one whose turn it is first.
    users: VecDeque<UserId>,
    waiting: HashMap<UserId, VecDeque<Waiter>>,
    count: usize,
    tickets: u64,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds a turn behind the user's own others. Gives the ticket that names it.
    pub(super) fn push(&mut self, user: UserId, wish: Wish, grant: oneshot::Sender<Lease>) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        let own = self.waiting.entry(user).or_default();
        if own.is_empty() {
            self.users.push_back(user);
        }
        own.push_back(Waiter { ticket, wish, grant });
        self.count += 1;
        ticket
    }

    /// Takes a turn out, if it still waits.
    pub(super) fn remove(&mut self, user: UserId, ticket: u64) {
        let Some(own) = self.waiting.get_mut(&user) else { return };
        let Some(index) = own.iter().position(|waiter| waiter.ticket == ticket) else { return };
        own.remove(index);
        self.count -= 1;
        if own.is_empty() {
            self.waiting.remove(&user);
            self.users.retain(|other| *other != user);
        }
    }

    /// Takes the next turn that `fits`: of the user who has waited longest for theirs, the oldest. That user is then the
    /// last one.
    pub(super) fn pop(&mut self, mut fits: impl FnMut(&Wish) -> bool) -> Option<(UserId, Waiter)> {
        for place in 0..self.users.len() {
            let user = self.users[place];
            let Some(own) = self.waiting.get_mut(&user) else { continue };
            let Some(index) = own.iter().position(|waiter| fits(&waiter.wish)) else { continue };
            let waiter = own.remove(index)?;
            self.count -= 1;
            let is_last = own.is_empty();
            self.users.remove(place);
            if is_last {
                self.waiting.remove(&user);
            } else {
                self.users.push_back(user);
            }
            return Some((user, waiter));
        }
        None
    }
}
