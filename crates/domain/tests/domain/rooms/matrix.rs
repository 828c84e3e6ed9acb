//! Who may do what: every kind of action, in every kind of room, for every kind of person.

use super::{ROOM, add, delete, edit, enter, erase, exit, id, place, react, remove, wanted};
use crate::client::{Client, settle};
use crate::world::{log, server};
use parlor_domain::room::{MemberRole, RoomKind};
use parlor_domain::testing::TestHub;
use parlor_domain::{
    Action, Draft, MessageId, Place, Position, RoomAction, TurnOptions, UploadAction, UploadDraft, UserId,
};

/// What a stranger gets for an action in a private and a group room.
enum Stranger {
    /// The room is not there for them.
    NoRoom,
    /// The message is not there for them.
    NoMessage,
    /// It is the room's rule of entry that they meet.
    Entry,
    /// The action names no room, and shows nothing of one.
    Nothing(&'static str),
}

/// How many kinds of actions there are. A new kind does not compile in [`kind`], and then needs its row here.
const KINDS: usize = 23;

fn kind(action: &Action) -> usize {
    match action {
        Action::Join(_) => 0,
        Action::Leave(_) => 1,
        Action::Room(RoomAction::Enter(_)) => 2,
        Action::Room(RoomAction::Exit(_)) => 3,
        Action::Room(RoomAction::Delete(_)) => 4,
        Action::Room(RoomAction::AddMember { .. }) => 5,
        Action::Room(RoomAction::RemoveMember { .. }) => 6,
        Action::Send(_) => 7,
        Action::Change { .. } => 8,
        Action::Stream { .. } => 9,
        Action::Regenerate { .. } => 10,
        Action::Stop { .. } => 11,
        Action::Typing { .. } => 12,
        Action::Read { .. } => 13,
        Action::Resume(_) => 14,
        Action::Sync => 15,
        Action::History { .. } => 16,
        Action::Heads => 17,
        Action::Hold => 18,
        Action::Ask { .. } => 19,
        Action::StopOwn => 20,
        Action::FollowOwn => 21,
        Action::Upload(_) => 22,
    }
}

/// Every kind of action in `place`, and what a stranger gets for it.
fn rows(place: &Place, message: MessageId, member: UserId) -> Vec<(Action, Stranger)> {
    use Stranger::{Entry, NoMessage, NoRoom, Nothing};
    let (place, options) = (place.clone(), TurnOptions::default());
    let draft = Draft {
        place: Some(place.clone()),
        content: "hello".into(),
        kind: "user".into(),
        content_type: None,
        client_id: None,
        attachments: Vec::new(),
        options: options.clone(),
    };
    let note = Draft { kind: "note".into(), client_id: Some("c1".into()), ..draft.clone() };
    let file =
        UploadDraft { place: Some(place.clone()), name: "a.txt".into(), size: 1, media_type: String::new() };
    let mut rows = vec![
        (Action::Join(place.clone()), NoRoom),
        (Action::Leave(place.clone()), Nothing("left")),
        (Action::Send(draft.clone()), NoRoom),
        (Action::Ask { draft, pieces: true }, NoRoom),
        (Action::Send(note), NoRoom),
        (edit(message, "mine"), NoMessage),
        (erase(message), NoMessage),
        (react(message, "+1", true), NoMessage),
        (react(message, "+1", false), NoMessage),
        (Action::Stream { place: place.clone(), message, options: options.clone() }, NoRoom),
        (Action::Regenerate { place: place.clone(), message: None, options: options.clone() }, NoRoom),
        (Action::Regenerate { place: place.clone(), message: Some(message), options }, NoRoom),
        (Action::Stop { place: place.clone(), turn: None }, NoRoom),
        (Action::Stop { place: place.clone(), turn: Some(message) }, NoRoom),
        (Action::Typing { place: place.clone(), is_typing: true }, NoRoom),
        (Action::Typing { place: place.clone(), is_typing: false }, NoRoom),
        (Action::Read { place: place.clone(), seq: 1 }, NoRoom),
        (Action::Resume(vec![Position { place: place.clone(), seq: 0, epoch: None }]), NoRoom),
        (Action::History { place: place.clone(), before: None, limit: 10 }, NoRoom),
        (Action::Upload(UploadAction::Init(file)), NoRoom),
        (Action::Sync, Nothing("synced")),
        (Action::Heads, Nothing("heads []")),
        (Action::Hold, Nothing("")),
        (Action::StopOwn, Nothing("nothing to stop")),
        (Action::FollowOwn, Nothing("")),
    ];
    if let Place::Room(_) = place {
        rows.extend([
            (enter(None), Entry),
            (exit(), NoRoom),
            (delete(), NoRoom),
            (add(member, None), NoRoom),
            (add(member, Some(MemberRole::Moderator)), NoRoom),
            (remove(member), NoRoom),
        ]);
        let kinds: std::collections::BTreeSet<_> = rows.iter().map(|(action, _)| kind(action)).collect();
        assert!(kinds.into_iter().eq(0..KINDS), "each kind has a row");
    }
    rows
}

/// A full room of this kind, with a message and its answer.
async fn room(server: &TestHub, kind: RoomKind) -> (Client, Client, MessageId) {
    let mut ann = Client::entering(server, "ann", kind).await;
    let mut bob = Client::connect(server, "bob").await;
    ann.does(add(bob.user(), None)).await;
    bob.does(enter(None)).await;
    let mut ask = crate::client::draft(super::conversation(server).await, "secret", "user", None);
    ask.options.model = Some("m-1".into());
    ann.act(Action::Send(ask)).await;
    settle().await;
    let message = ann.entries()[0].id;
    super::forget(&[&ann, &bob]).await;
    (ann, bob, message)
}

/// Protects private and group rooms: whatever a stranger asks, they are refused in the words for what is not there,
/// nobody hears of it, and the log stays as it is. By the room's id as by its conversation's.
#[tokio::test(start_paused = true)]
async fn a_stranger_is_refused_everything() {
    for kind in [RoomKind::Private, RoomKind::Group] {
        let server = server().await;
        let (ann, bob, message) = room(&server, kind).await;
        let conversation = super::conversation(&server).await;
        let before = log(&server.store, conversation).await;
        for named in [place(), Place::Conversation(conversation)] {
            let absent = match named {
                Place::Room(_) => "refused ROOM_NOT_FOUND",
                Place::Conversation(_) => "refused CONVERSATION_NOT_FOUND",
            };
            for (action, expected) in rows(&named, message, bob.user()) {
                let mut eve = Client::connect(&server, "eve").await;
                let what = format!("{kind}: {action:?}");
                let expected = match expected {
                    Stranger::NoRoom => absent,
                    Stranger::NoMessage => "refused MESSAGE_NOT_FOUND",
                    Stranger::Entry if kind == RoomKind::Private => "refused ROOM_FULL",
                    Stranger::Entry => "refused ROOM_ACCESS_DENIED",
                    Stranger::Nothing(line) => line,
                };
                assert_eq!(eve.does(action).await.concat(), expected, "{what}");
                assert_eq!(eve.does(Action::Heads).await, ["heads []"], "{what}");
            }
        }
        assert!(ann.calm().await.is_empty() && bob.calm().await.is_empty(), "{kind}: nobody heard anything");
        assert_eq!(log(&server.store, conversation).await, before);
    }
}

/// Protects what a refusal tells: for a room that is not there a stranger gets the same as for one that they may not see.
#[tokio::test(start_paused = true)]
async fn a_stranger_cannot_tell_a_foreign_room_from_none() {
    let server = server().await;
    let (_ann, bob, message) = room(&server, RoomKind::Group).await;
    let nowhere = TestHub::start().await;
    let (member, elsewhere) = (bob.user(), MessageId::new());
    let pairs = rows(&place(), message, member).into_iter().zip(rows(&place(), elsewhere, member));
    for ((there, expected), (absent, _)) in pairs {
        if matches!(expected, Stranger::Entry) {
            continue; // where there is no room, who enters makes one
        }
        let (mut eve, mut mallory) =
            (Client::connect(&server, "eve").await, Client::connect(&nowhere, "eve").await);
        let what = format!("{there:?}");
        let there = eve.does(there).await;
        let absent = mallory.does(absent).await;
        if what.starts_with("Leave") {
            assert_eq!(
                (there, absent),
                (vec!["left".to_owned()], vec!["refused ROOM_NOT_FOUND".to_owned()]),
                "{what}"
            );
        } else {
            assert_eq!(there, absent, "{what}");
        }
    }
    let shared = Action::Room(RoomAction::Enter(wanted("another", None, None)));
    assert_eq!(Client::connect(&server, "eve").await.does(shared).await.len(), 1);
    assert_eq!(id(ROOM).as_str(), ROOM);
}
