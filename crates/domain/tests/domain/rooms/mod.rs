//! Rooms: who may enter, what they may do, and what the others see of it.

mod ai;
mod changes;
mod entering;
mod matrix;
mod offline;
mod presence;
mod receipts;
mod removing;

use crate::client::{Client, settle};
use parlor_domain::message::Edit;
use parlor_domain::room::{AiMode, MemberRole, RoomKind};
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, ConversationId, MessageId, Place, RoomAction, RoomDraft, RoomId, UserId};

const ROOM: &str = "room-1";

fn id(room: &str) -> RoomId {
    room.parse().unwrap()
}

fn wanted(room: &str, kind: Option<RoomKind>, ai_mode: Option<AiMode>) -> RoomDraft {
    RoomDraft { id: id(room), name: None, kind, ai_mode, assistant: None }
}

pub(crate) fn enter(kind: impl Into<Option<RoomKind>>) -> Action {
    Action::Room(RoomAction::Enter(wanted(ROOM, kind.into(), None)))
}

fn exit() -> Action {
    Action::Room(RoomAction::Exit(id(ROOM)))
}

fn delete() -> Action {
    Action::Room(RoomAction::Delete(id(ROOM)))
}

fn add(user: UserId, role: Option<MemberRole>) -> Action {
    Action::Room(RoomAction::AddMember { room: id(ROOM), user, role })
}

fn remove(user: UserId) -> Action {
    Action::Room(RoomAction::RemoveMember { room: id(ROOM), user })
}

fn edit(message: MessageId, text: &str) -> Action {
    Action::Change { message, edit: Edit::Content(text.into()) }
}

fn erase(message: MessageId) -> Action {
    Action::Change { message, edit: Edit::Delete }
}

fn react(message: MessageId, emoji: &str, add: bool) -> Action {
    Action::Change { message, edit: Edit::React { emoji: emoji.into(), add } }
}

pub(crate) fn place() -> Place {
    Place::Room(id(ROOM))
}

async fn conversation(server: &TestHub) -> ConversationId {
    use parlor_domain::ports::Store;
    server.store.room_find(&id(ROOM)).await.unwrap().unwrap()
}

impl Client {
    /// Connects and enters the room, and forgets the answer.
    async fn entering(server: &TestHub, name: &str, kind: impl Into<Option<RoomKind>>) -> Self {
        let mut client = Self::connect(server, name).await;
        let answer = client.does(enter(kind)).await;
        assert!(answer.iter().any(|line| line.starts_with("room ")), "{answer:?}");
        client
    }

    /// What comes of an action, without what others are told at their own pace.
    async fn does(&mut self, action: Action) -> Vec<String> {
        self.act(action).await;
        self.calm().await
    }

    /// What has come, but for presence.
    async fn calm(&self) -> Vec<String> {
        settle().await;
        let mut lines = self.lines();
        lines.retain(|line| !line.starts_with("presence"));
        lines
    }

    fn user(&self) -> UserId {
        self.session.user()
    }
}

/// Everybody's lines are forgotten.
async fn forget(clients: &[&Client]) {
    settle().await;
    clients.iter().for_each(|client| drop(client.lines()));
}
