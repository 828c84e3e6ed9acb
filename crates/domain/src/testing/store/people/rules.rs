//! The rules of accounts, sign-ins and the audit log.

use crate::ports::{
    AuditEntry, AuditFilter, CodeGuess, CodePurpose, Count, Credential, Digest, ForeignIdentity, GrantId,
    NewCode, NewRefreshToken, Revocation, Role, Rotated, User,
};
use crate::{Timestamp, UserId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// Users by their addresses.
type Users = HashMap<String, User>;

/// What accounts are kept in, but for the users themselves.
#[derive(Default)]
pub(in super::super) struct People {
    passwords: HashMap<UserId, String>,
    /// In the order of their making.
    codes: Vec<Code>,
    tokens: HashMap<Digest, Token>,
    revoked: BTreeMap<GrantId, Revocation>,
    counts: HashMap<String, Count>,
    identities: HashMap<(String, String), UserId>,
    audit: BTreeMap<Uuid, AuditEntry>,
}

struct Code {
    new: NewCode,
    tries: u32,
}

impl Code {
    fn is_of(&self, email: &str, purpose: CodePurpose) -> bool {
        self.new.email == email && self.new.purpose == purpose
    }
}

struct Token {
    new: NewRefreshToken,
    used: bool,
}

/// Hashes are nobody's to read.
impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("People").finish_non_exhaustive()
    }
}

/// The user with this address, made with this name if there is none.
pub(in super::super) fn ensured<'a>(
    users: &'a mut Users,
    email: &str,
    name: Option<&str>,
    now: Timestamp,
) -> &'a mut User {
    let email = email.to_lowercase();
    users.entry(email.clone()).or_insert_with(|| User {
        id: UserId::new(),
        email,
        name: name.map(ToOwned::to_owned),
        role: Role::default(),
        created_at: now,
        profile: None,
    })
}

fn with_id(users: &Users, id: UserId) -> Option<&User> {
    users.values().find(|user| user.id == id)
}

impl People {
    pub(super) fn credential(&self, users: &Users, email: &str) -> Option<Credential> {
        let user = users.get(email)?.clone();
        let password_hash = self.passwords.get(&user.id).cloned();
        Some(Credential { user, password_hash })
    }

    pub(super) fn password_replace(&mut self, user: UserId, old: &str, new: &str) -> bool {
        let found = self.passwords.get_mut(&user).filter(|hash| *hash == old);
        found.map(|hash| new.clone_into(hash)).is_some()
    }

    /// Gives the user a first password; none where they have one.
    pub(super) fn password_first(&mut self, user: User, hash: &str) -> Option<User> {
        let free = !self.passwords.contains_key(&user.id);
        free.then(|| {
            self.passwords.insert(user.id, hash.to_owned());
            user
        })
    }

    pub(super) fn code_create(&mut self, new: NewCode, live: usize) {
        let mut others: Vec<(Timestamp, usize)> = (0..self.codes.len())
            .filter(|place| self.codes[*place].is_of(&new.email, new.purpose))
            .map(|place| (self.codes[place].new.at, place))
            .collect();
        others.sort_unstable();
        let over = others.len().saturating_sub(live.saturating_sub(1));
        let mut over: Vec<usize> = others[..over].iter().map(|(_, place)| *place).collect();
        over.sort_unstable();
        over.into_iter().rev().for_each(|place| {
            self.codes.remove(place);
        });
        self.codes.push(Code { new, tries: 0 });
    }

    pub(super) fn code_guess(&mut self, users: &mut Users, guess: &CodeGuess) -> Option<User> {
        let CodeGuess { email, purpose, hash, tries, at } = guess;
        let live = self
            .codes
            .iter_mut()
            .filter(|code| code.is_of(email, *purpose) && code.new.expires_at > *at && code.tries < *tries);
        let mut right: Option<NewCode> = None;
        for code in live {
            code.tries += 1;
            let newer = right.as_ref().is_none_or(|known| known.at <= code.new.at);
            if code.new.hash == *hash && newer {
                right = Some(code.new.clone());
            }
        }
        let NewCode { password_hash, username, .. } = right?;
        self.codes.retain(|code| !code.is_of(email, *purpose));
        if *purpose == CodePurpose::SignIn {
            return users.get(email).cloned();
        }
        let user = ensured(users, email, username.as_deref(), *at).clone();
        match password_hash {
            Some(hash) => self.password_first(user, &hash),
            None => Some(user),
        }
    }

    /// False where there is no such user.
    pub(super) fn token_create(&mut self, users: &Users, new: NewRefreshToken) -> bool {
        let known = with_id(users, new.user).is_some();
        if known && !self.revoked.contains_key(&new.grant) {
            self.tokens.entry(new.hash).or_insert(Token { new, used: false });
        }
        known
    }

    pub(super) fn token_rotate(
        &mut self,
        users: &Users,
        hash: Digest,
        next: Digest,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Rotated {
        let token = self.tokens.get_mut(&hash).filter(|token| token.new.expires_at > now);
        let Some(token) = token else { return Rotated::Unknown };
        let NewRefreshToken { grant, user, .. } = token.new;
        let used = std::mem::replace(&mut token.used, true);
        let repeated = used && self.tokens.get(&next).is_some_and(|token| token.new.grant == grant);
        if used && !repeated {
            return Rotated::Reused { user, grant };
        }
        let Some(owner) = with_id(users, user) else { return Rotated::Unknown };
        let new = NewRefreshToken { hash: next, grant, user, at: now, expires_at };
        self.tokens.entry(next).or_insert(Token { new, used: false });
        Rotated::Fresh { user: owner.clone(), grant }
    }

    pub(super) fn token_owner(&self, hash: Digest, now: Timestamp) -> Option<(UserId, GrantId)> {
        let token = self.tokens.get(&hash).filter(|token| token.new.expires_at > now)?;
        Some((token.new.user, token.new.grant))
    }

    /// One that lasts longer than the one before counts as made anew.
    pub(super) fn revoke(&mut self, revocation: Revocation) {
        let known = self.revoked.entry(revocation.grant).or_insert(revocation);
        if known.until < revocation.until {
            *known = Revocation { user: known.user, ..revocation };
        }
        self.tokens.retain(|_, token| token.new.grant != revocation.grant);
    }

    pub(super) fn revoked(&self, since: Option<Timestamp>, now: Timestamp) -> Vec<Revocation> {
        let living = self.revoked.values().filter(|one| one.until > now);
        let mut living: Vec<Revocation> =
            living.filter(|one| since.is_none_or(|since| one.at >= since)).copied().collect();
        living.sort_by_key(|one| (one.at, one.grant));
        living
    }

    pub(super) fn count(&mut self, key: &str, window: Duration, now: Timestamp) -> Count {
        let empty = Count { count: 0, until: now.plus(window) };
        let count = self.counts.entry(key.to_owned()).or_insert(empty);
        if count.until <= now {
            *count = empty;
        }
        count.count = count.count.saturating_add(1);
        *count
    }

    pub(super) fn count_clear(&mut self, key: &str) {
        self.counts.remove(key);
    }

    pub(super) fn identity(&mut self, users: &mut Users, of: ForeignIdentity, now: Timestamp) -> User {
        let key = (of.issuer, of.subject);
        let known = self.identities.get(&key).and_then(|id| with_id(users, *id));
        if let Some(user) = known {
            return user.clone();
        }
        let email = of.email.unwrap_or(of.placeholder);
        let user = ensured(users, &email, of.username.as_deref(), now).clone();
        self.identities.insert(key, user.id);
        user
    }

    pub(super) fn sweep(&mut self, now: Timestamp) -> usize {
        let size = |people: &Self| {
            people.codes.len() + people.tokens.len() + people.revoked.len() + people.counts.len()
        };
        let before = size(self);
        self.codes.retain(|code| code.new.expires_at > now);
        self.tokens.retain(|_, token| token.new.expires_at > now);
        self.revoked.retain(|_, one| one.until > now);
        self.counts.retain(|_, count| count.until > now);
        before - size(self)
    }

    /// An entry that is there stays as it is.
    pub(in super::super) fn audit(&mut self, entries: Vec<AuditEntry>) {
        for entry in entries {
            self.audit.entry(entry.id).or_insert(entry);
        }
    }

    pub(super) fn audited(
        &self,
        filter: &AuditFilter,
        before: Option<Uuid>,
        limit: usize,
    ) -> Vec<AuditEntry> {
        let AuditFilter { actor, action, since, until } = filter;
        let wanted = self.audit.values().rev().filter(|entry| {
            before.is_none_or(|before| entry.id < before)
                && (actor.is_none() || entry.actor == *actor)
                && action.as_ref().is_none_or(|action| entry.action == *action)
                && since.is_none_or(|since| entry.at >= since)
                && until.is_none_or(|until| entry.at < until)
        });
        wanted.take(limit).cloned().collect()
    }
}
