//! Rooms, as a connection asks for them.

use super::Session;
use crate::command::{Place, RoomAction};
use crate::conversation::Start;
use crate::event::{Correlation, ReplyBody};
use crate::{ConversationId, Refusal, RoomId};

impl RoomAction {
    fn room(&self) -> &RoomId {
        match self {
            Self::Enter(draft) => &draft.id,
            Self::Exit(room)
            | Self::Delete(room)
            | Self::AddMember { room, .. }
            | Self::RemoveMember { room, .. } => room,
        }
    }
}

impl Session {
    pub(super) async fn room(&mut self, action: RoomAction, correlation: Correlation) {
        let room = action.room().clone();
        let done = self.shared.room_change(self.user(), self.address, &action).await;
        let answered = match done {
            Ok(conversation) => self.answer_room(conversation, action, &room, &correlation).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = answered {
            self.refuse(correlation, refusal, Some(&Place::Room(room)));
        }
    }

    async fn answer_room(
        &mut self,
        conversation: ConversationId,
        action: RoomAction,
        room: &RoomId,
        correlation: &Correlation,
    ) -> Result<(), Refusal> {
        let body = match action {
            RoomAction::Enter(_) => return self.join_room(conversation, room, correlation).await,
            RoomAction::Exit(_) => ReplyBody::RoomLeft { conversation },
            RoomAction::Delete(_) => ReplyBody::RoomDeleted { conversation },
            RoomAction::AddMember { user, role, .. } => ReplyBody::Member {
                conversation,
                user,
                role: Some(role.unwrap_or(crate::room::MemberRole::Member)),
            },
            RoomAction::RemoveMember { user, .. } => ReplyBody::Member { conversation, user, role: None },
        };
        self.reply(correlation.clone(), Some(room.clone()), body);
        Ok(())
    }

    /// Its member gets the room's events, and learns how it is.
    async fn join_room(
        &mut self,
        conversation: ConversationId,
        room: &RoomId,
        correlation: &Correlation,
    ) -> Result<(), Refusal> {
        let access = self.subscribe(conversation, Start::Now).await?;
        let mut joined = self.shared.look(conversation, self.user()).await?;
        // What came between the two questions follows the answer: it must not be taken for known.
        joined.last_seq = access.head;
        self.reply(correlation.clone(), Some(room.clone()), ReplyBody::RoomJoined(joined));
        self.go_live(conversation).await;
        Ok(())
    }
}
