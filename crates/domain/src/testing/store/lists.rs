//! What is read of many conversations at once.

use super::conversation::Conversation;
use super::log::Log;
use crate::ports::{MemberRecord, NewRoom, RoomRecord, RoomScope, Totals, Unsynced};
use crate::room::RoomKind;
use crate::{ConversationId, RoomId, UserId};

impl Log {
    fn living(&self) -> impl Iterator<Item = &Conversation> {
        self.conversations.values().filter(|conversation| conversation.deleted_at.is_none())
    }

    fn room(&self, id: &RoomId) -> Option<&Conversation> {
        self.living().find(|conversation| conversation.room.as_ref().is_some_and(|room| room.id == *id))
    }

    pub(super) fn room_create(&mut self, new: NewRoom) -> bool {
        let free = self.room(&new.room.id).is_none() && !self.conversations.contains_key(&new.conversation);
        if free {
            self.conversations.insert(new.conversation, Conversation::of_room(new));
        }
        free
    }

    pub(super) fn room_find(&self, id: &RoomId) -> Option<ConversationId> {
        self.room(id).map(|conversation| conversation.summary().id)
    }

    pub(super) fn room_get(&self, id: &RoomId, user: UserId) -> Option<RoomRecord> {
        room_record(self.room(id)?, user)
    }

    pub(super) fn room_list(
        &self,
        user: UserId,
        scope: RoomScope,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Vec<RoomRecord> {
        let records = self.living().filter_map(|conversation| room_record(conversation, user));
        let mut rooms: Vec<RoomRecord> = records
            .filter(|record| match scope {
                RoomScope::Own => record.role.is_some(),
                RoomScope::Shared => record.room.kind == RoomKind::Shared,
            })
            .filter(|record| after.is_none_or(|after| record.room.id > *after))
            .collect();
        rooms.sort_by(|one, other| one.room.id.cmp(&other.room.id));
        rooms.truncate(limit);
        rooms
    }

    pub(super) fn member_list(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Vec<MemberRecord> {
        let Some(conversation) = self.conversation(conversation) else { return Vec::new() };
        let named = |member: MemberRecord| {
            let account = self.users.values().find(|user| user.id == member.user);
            MemberRecord { username: account.map(|user| user.username().to_owned()), ..member }
        };
        let members = conversation.members().filter(|member| after.is_none_or(|after| member.user > after));
        members.take(limit).map(named).collect()
    }

    pub(super) fn unsynced_list(&self, user: UserId, limit: usize) -> Vec<Unsynced> {
        let missing = self.living().filter_map(|conversation| {
            let (member, summary) = (conversation.member(user)?, conversation.summary());
            let unsynced = Unsynced {
                conversation: summary.id,
                room: conversation.room.as_ref().map(|room| room.id.clone()),
                delivered: member.delivered,
                visible_after: member.visible_after,
                last_seq: summary.last_seq,
            };
            (summary.last_seq > member.delivered).then_some((summary.updated_at, unsynced))
        });
        let mut missing: Vec<_> = missing.collect();
        missing.sort_by_key(|(updated_at, unsynced)| (*updated_at, unsynced.conversation));
        missing.into_iter().take(limit).map(|(_, unsynced)| unsynced).collect()
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            users: self.users.len() as u64,
            conversations: self.living().count() as u64,
            rooms: self.living().filter(|conversation| conversation.room.is_some()).count() as u64,
            messages: self.living().map(|conversation| conversation.summary().message_count).sum(),
        }
    }
}

/// The room as `user` finds it in lists; none where the conversation is no room.
fn room_record(conversation: &Conversation, user: UserId) -> Option<RoomRecord> {
    Some(RoomRecord {
        summary: conversation.summary(),
        room: conversation.room.clone()?,
        created_at: conversation.created_at,
        role: conversation.member(user).and_then(|member| member.role),
        members: conversation.members().count() as u64,
    })
}
