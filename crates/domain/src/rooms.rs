//! Rooms as a whole: finding them by their ids, making them, and the changes of who takes part. Sockets and HTTP come
//! here alike; what a room is for its members is its conversation's task's.

use crate::audit::Doer;
use crate::caller::Caller;
use crate::command::{RoomAction, RoomDraft};
use crate::conversation::{Access, MembershipRequest, MembershipWork, Work};
use crate::event::RoomJoined;
use crate::hub::{Hub, Shared};
use crate::ports::{AuditAction, AuditEntry, MemberRecord, NewRoom, RoomRecord, RoomScope};
use crate::room::{MemberRole, Room, RoomKind};
use crate::{ConversationId, ErrorCode, Refusal, RoomId, UserId, check};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::oneshot;

/// How many rooms are remembered by id, so that a command in one asks no database. Then they are forgotten.
const KNOWN_ROOMS: usize = 100_000;
/// The most entries of one page of a list.
const PAGE_MAX: usize = 200;

/// Which conversation a room id means. It changes only where a room is deleted and another made under its id.
#[derive(Debug, Default)]
pub(crate) struct RoomIndex(Mutex<HashMap<RoomId, ConversationId>>);

impl RoomIndex {
    fn get(&self, id: &RoomId) -> Option<ConversationId> {
        self.0.lock().get(id).copied()
    }

    fn remember(&self, id: RoomId, conversation: ConversationId) {
        let mut known = self.0.lock();
        if known.len() >= KNOWN_ROOMS {
            known.clear();
        }
        known.insert(id, conversation);
    }

    fn forget(&self, id: &RoomId) {
        self.0.lock().remove(id);
    }
}

/// A room that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomMade {
    /// The room.
    pub record: RoomRecord,
    /// False: the same user had made the same room before.
    pub created: bool,
}

/// A member, and whether they are connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberEntry {
    /// The member.
    pub record: MemberRecord,
    /// Whether a connection of theirs is open, whatever it looks at.
    pub online: bool,
}

impl Shared {
    /// The conversation of a room. Error: `ROOM_NOT_FOUND`.
    pub(crate) async fn room_find(&self, id: &RoomId) -> Result<ConversationId, Refusal> {
        if let Some(conversation) = self.rooms.get(id) {
            return Ok(conversation);
        }
        let found = self.store.room_find(id).await.map_err(|error| Refusal::internal(&error))?;
        let conversation = found.ok_or(Refusal::of(ErrorCode::RoomNotFound))?;
        self.rooms.remember(id.clone(), conversation);
        Ok(conversation)
    }

    /// A room is gone, or may be: its id may come to mean another, which the store knows.
    pub(crate) fn forget_room(&self, id: &RoomId) {
        self.rooms.forget(id);
    }

    /// Makes a room. False where its id is taken. Error: `MODEL_NOT_FOUND` where its owner may call no such assistant.
    async fn room_make(&self, owner: UserId, draft: &RoomDraft) -> Result<bool, Refusal> {
        let kind = draft.kind.unwrap_or(RoomKind::Private);
        let assistant = match &draft.assistant {
            Some(name) => Some(self.assistant_of_owner(owner, name).await?.id),
            None => None,
        };
        let new = NewRoom {
            conversation: ConversationId::new(),
            room: Room { id: draft.id.clone(), kind, ai_mode: draft.ai_mode },
            title: draft.name.clone().unwrap_or_else(|| draft.id.to_string()),
            owner,
            assistant,
            at: self.clock.now(),
        };
        self.store.room_create(new).await.map_err(|error| Refusal::internal(&error))
    }

    /// Makes a user a member of the room, and the room where there is none.
    pub(crate) async fn room_enter(
        self: &Arc<Self>,
        user: UserId,
        draft: &RoomDraft,
    ) -> Result<ConversationId, Refusal> {
        check::room(draft)?;
        match self.room_enter_known(user, draft).await {
            // What its id was known to mean is gone: the store is asked.
            Err(refusal) if refusal.code == ErrorCode::RoomNotFound => {
                self.forget_room(&draft.id);
                self.room_enter_known(user, draft).await
            }
            entered => entered,
        }
    }

    async fn room_enter_known(
        self: &Arc<Self>,
        user: UserId,
        draft: &RoomDraft,
    ) -> Result<ConversationId, Refusal> {
        let conversation = match self.room_find(&draft.id).await {
            Ok(conversation) => conversation,
            Err(refusal) if refusal.code == ErrorCode::RoomNotFound => {
                self.room_make(user, draft).await?; // where another was faster, theirs is entered
                self.room_find(&draft.id).await?
            }
            Err(refusal) => return Err(refusal),
        };
        self.membership(conversation, user, MembershipRequest::Enter { kind: draft.kind }, None).await?;
        Ok(conversation)
    }

    /// Changes who takes part, by the rules of the room. `entry` is written down if that ends the conversation.
    pub(crate) async fn membership(
        self: &Arc<Self>,
        conversation: ConversationId,
        by: UserId,
        request: MembershipRequest,
        entry: Option<AuditEntry>,
    ) -> Result<(), Refusal> {
        let entry = entry.map(Box::new);
        let work = |respond| Work::Membership(Box::new(MembershipWork { by, request, entry, respond }));
        self.ask(conversation, work).await.map_err(|refusal| refusal.about(true))
    }

    /// Gives work to a conversation and waits for what it says to it.
    pub(crate) async fn ask<T>(
        self: &Arc<Self>,
        conversation: ConversationId,
        work: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Work,
    ) -> Result<T, Refusal> {
        let (respond, response) = oneshot::channel();
        self.route(conversation, work(respond)).await;
        // No answer: its task panicked, which has been logged.
        response.await.unwrap_or_else(|_| Err(Refusal::of(ErrorCode::Internal)))
    }

    /// Whether the user is a member, and what they see.
    pub(crate) async fn access(
        self: &Arc<Self>,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Access, Refusal> {
        self.ask(conversation, |respond| Work::Enter { user, respond }).await
    }

    /// A room as one of its members finds it.
    pub(crate) async fn look(
        self: &Arc<Self>,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Box<RoomJoined>, Refusal> {
        self.ask(conversation, |respond| Work::Look { user, respond }).await
    }

    /// Everything about rooms that does not need a connection, but [`RoomAction::Enter`]. A room's end is written down,
    /// also where its last member leaves it; so is who wanted it and could not.
    pub(crate) async fn room_change(
        self: &Arc<Self>,
        by: UserId,
        from: Option<IpAddr>,
        action: &RoomAction,
    ) -> Result<ConversationId, Refusal> {
        let doer = Doer { actor: Some(by), account: None, address: from };
        let room = match action {
            RoomAction::Exit(room) | RoomAction::Delete(room) => room.clone(),
            _ => return self.room_changed(by, action, None).await,
        };
        let (shared, action) = (Arc::clone(self), action.clone());
        let work = async move {
            let (kind, subject) = (AuditAction::RoomDelete, Some(room.to_string()));
            let entry = doer.clone().entry(kind, subject.clone(), shared.clock.now());
            let changed = shared.room_changed(by, &action, Some(entry)).await;
            match action {
                RoomAction::Delete(_) => shared.audited_unless_done(doer, kind, subject, changed).await,
                _ => changed,
            }
        };
        self.to_its_end(work).await
    }

    async fn room_changed(
        self: &Arc<Self>,
        by: UserId,
        action: &RoomAction,
        entry: Option<AuditEntry>,
    ) -> Result<ConversationId, Refusal> {
        let (room, request) = match action {
            RoomAction::Enter(draft) => return self.room_enter(by, draft).await,
            RoomAction::Exit(room) => (room, MembershipRequest::Exit),
            RoomAction::Delete(room) => (room, MembershipRequest::Delete),
            RoomAction::AddMember { room, user, role } => {
                must_be_given(*role)?;
                (room, MembershipRequest::Add { user: *user, role: *role })
            }
            RoomAction::RemoveMember { room, user } => (room, MembershipRequest::Remove { user: *user }),
        };
        let conversation = self.room_find(room).await?;
        if let MembershipRequest::Add { user, .. } = request {
            // Strangers learn first that there is no such room, and not who has an account.
            self.access(conversation, by).await.map_err(|refusal| refusal.about(true))?;
            self.must_exist(user).await?;
        }
        self.membership(conversation, by, request, entry).await?;
        Ok(conversation)
    }

    async fn must_exist(&self, user: UserId) -> Result<(), Refusal> {
        let found = self.store.user_get(user).await.map_err(|error| Refusal::internal(&error))?;
        found.map(drop).ok_or(Refusal::new(ErrorCode::NotFound, "there is no such user"))
    }
}

/// Ownership is not given: it goes over when an owner leaves.
fn must_be_given(role: Option<MemberRole>) -> Result<(), Refusal> {
    if role == Some(MemberRole::Owner) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "a room has one owner"));
    }
    Ok(())
}

impl Hub {
    /// Makes a room. The same again by its owner finds it. Errors: `CONFLICT` where its id is taken,
    /// `INVALID_REQUEST`.
    pub async fn room_create(&self, caller: &Caller, draft: RoomDraft) -> Result<RoomMade, Refusal> {
        check::room(&draft)?;
        let user = caller.identity.user;
        let created = self.0.room_make(user, &draft).await?;
        let taken = || Refusal::new(ErrorCode::Conflict, "the room's id is taken");
        let record = self.room_record(user, &draft.id).await?.ok_or_else(taken)?;
        let same = record.role == Some(MemberRole::Owner)
            && record.room.kind == draft.kind.unwrap_or(RoomKind::Private)
            && record.room.ai_mode == draft.ai_mode
            && draft.name.is_none_or(|name| name == record.summary.title);
        if created || same { Ok(RoomMade { record, created }) } else { Err(taken()) }
    }

    /// A room that the user is a member of or may enter. Error: `ROOM_NOT_FOUND`, also for a stranger.
    pub async fn room_get(&self, caller: &Caller, id: &RoomId) -> Result<RoomRecord, Refusal> {
        let record = self.room_record(caller.identity.user, id).await?;
        let open = |it: &RoomRecord| it.role.is_some() || it.room.kind == RoomKind::Shared;
        record.filter(open).ok_or(Refusal::of(ErrorCode::RoomNotFound))
    }

    async fn room_record(&self, user: UserId, id: &RoomId) -> Result<Option<RoomRecord>, Refusal> {
        self.0.store.room_get(id, user).await.map_err(|error| Refusal::internal(&error))
    }

    /// Rooms by id, those after `after`, at most `limit` of 200.
    pub async fn room_list(
        &self,
        caller: &Caller,
        scope: RoomScope,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomRecord>, Refusal> {
        let listed = self.0.store.room_list(caller.identity.user, scope, after, limit.min(PAGE_MAX)).await;
        listed.map_err(|error| Refusal::internal(&error))
    }

    /// A room's members by id, those after `after`, at most `limit` of 200. Error: `ROOM_NOT_FOUND`, also for who is no
    /// member.
    pub async fn member_list(
        &self,
        caller: &Caller,
        id: &RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<MemberEntry>, Refusal> {
        let conversation = self.0.room_find(id).await?;
        let access = self.0.access(conversation, caller.identity.user).await;
        access.map_err(|refusal| refusal.about(true))?;
        let listed = self.0.store.member_list(conversation, after, limit.min(PAGE_MAX)).await;
        let records = listed.map_err(|error| Refusal::internal(&error))?;
        let online = |record: &MemberRecord| self.0.registry.count(record.user) > 0;
        Ok(records.into_iter().map(|record| MemberEntry { online: online(&record), record }).collect())
    }

    /// Ends a room. Errors: `ROOM_NOT_FOUND`, also for a stranger; `FORBIDDEN` for who is not its owner.
    pub async fn room_delete(&self, caller: &Caller, id: &RoomId) -> Result<(), Refusal> {
        let action = RoomAction::Delete(id.clone());
        self.0.room_change(caller.identity.user, caller.address, &action).await.map(drop)
    }
}
