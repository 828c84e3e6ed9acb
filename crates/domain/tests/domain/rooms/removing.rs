//! Who may remove whom, and what is left to who was removed.

use super::{add, delete, enter, exit, forget, place, remove};
use crate::client::{Client, settle};
use crate::world::{log_lines, server};
use parlor_domain::room::{MemberRole, RoomKind};
use parlor_domain::testing::Script;
use parlor_domain::{Action, ErrorCode, UploadDraft, UserId};

/// Protects members from each other: an owner removes everybody, a moderator plain members, a member nobody.
#[tokio::test(start_paused = true)]
async fn roles_decide_who_removes_whom() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", RoomKind::Group).await;
    let mut bob = Client::connect(&server, "bob").await;
    let mut cay = Client::connect(&server, "cay").await;
    ann.does(add(bob.user(), Some(MemberRole::Moderator))).await;
    ann.does(add(cay.user(), None)).await;
    let dan = server.user("dan@example.org").await;
    forget(&[&bob, &cay]).await;

    assert_eq!(cay.does(add(dan, None)).await, ["refused FORBIDDEN"]);
    assert_eq!(cay.does(remove(bob.user())).await, ["refused FORBIDDEN"]);
    assert_eq!(cay.does(delete()).await, ["refused FORBIDDEN"]);
    assert_eq!(bob.does(remove(ann.user())).await, ["refused FORBIDDEN"]);
    assert_eq!(bob.does(add(dan, Some(MemberRole::Moderator))).await, ["refused FORBIDDEN"]);
    assert_eq!(bob.does(add(cay.user(), Some(MemberRole::Moderator))).await, ["refused FORBIDDEN"]);
    assert_eq!(bob.does(delete()).await, ["refused FORBIDDEN"]);
    assert_eq!(bob.does(add(dan, None)).await, ["made member"]);
    assert_eq!(bob.does(remove(dan)).await, ["removed"]);
    assert_eq!(bob.does(remove(dan)).await, ["refused NOT_FOUND"]);
    assert_eq!(bob.does(add(UserId::new(), None)).await, ["refused NOT_FOUND"]);
    assert_eq!(ann.does(add(dan, Some(MemberRole::Owner))).await.last().unwrap(), "refused INVALID_REQUEST");
    assert_eq!(ann.does(remove(bob.user())).await, ["gone", "removed"]);
}

/// Protects a room from who was removed: nothing reaches them any more, and they do not come back by themselves.
#[tokio::test(start_paused = true)]
async fn who_was_removed_is_out() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", RoomKind::Shared).await;
    let mut bob = Client::entering(&server, "bob", None).await;
    let tab = Client::connect(&server, "bob").await;
    let conversation = super::conversation(&server).await;
    forget(&[&ann]).await;
    assert_eq!(ann.does(remove(bob.user())).await, ["gone", "removed"]);
    assert_eq!((bob.calm().await, tab.calm().await), (vec!["gone".to_owned()], vec!["gone".to_owned()]));
    ann.note(conversation, "about bob").await;
    assert!(bob.calm().await.is_empty() && tab.calm().await.is_empty());
    assert_eq!(bob.does(Action::Heads).await, ["heads []"]);
    assert_eq!(bob.does(enter(None)).await, ["refused ROOM_ACCESS_DENIED"]);
    bob.resume(conversation, 0).await;
    assert_eq!(bob.calm().await, ["refused CONVERSATION_NOT_FOUND"]);
    let reconnected = Client::connect(&server, "bob").await;
    assert!(reconnected.calm().await.is_empty());

    assert_eq!(ann.does(add(bob.user(), None)).await.last().unwrap(), "made member");
    assert_eq!(bob.calm().await, ["now member"]);
    assert_eq!(bob.does(enter(None)).await, ["room shared room-1 as member at 1, 2 of 2 online"]);
}

/// Protects a room from the file of who was removed while it came: nobody hears of it, and it is gone.
#[tokio::test(start_paused = true)]
async fn who_was_removed_finishes_no_file() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", RoomKind::Shared).await;
    let bob = Client::entering(&server, "bob", None).await;
    let caller = server.hub.authenticate(&bob.user().to_string()).await.unwrap();
    let draft =
        UploadDraft { place: Some(place()), name: "a.txt".into(), size: 5, media_type: String::new() };
    let mut upload = server.hub.file_upload(&caller, draft).await.unwrap();
    upload.write(b"hello"[..].into()).await.unwrap();
    ann.does(remove(bob.user())).await;
    let finished = upload.finish(None).await;
    assert_eq!(finished.map_err(|refusal| refusal.code), Err(ErrorCode::ConversationNotFound));
    assert!(ann.calm().await.is_empty());
    assert_eq!(server.files.counts(), (0, 0));
}

/// Protects everybody from a room that is gone: all hear of it, its turn ends, its id is free, and nothing of it is found.
#[tokio::test(start_paused = true)]
async fn a_deleted_room_is_gone() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", RoomKind::Private).await;
    let mut bob = Client::entering(&server, "bob", None).await;
    let tab = Client::connect(&server, "ann").await;
    let conversation = super::conversation(&server).await;
    server.backend.play(vec![crate::world::say("so"), Script::Hang]);
    ann.ask(conversation, "hello").await;
    settle().await;
    let message = ann.entries()[0].id;
    forget(&[&bob, &tab]).await;
    assert_eq!(bob.does(delete()).await, ["refused FORBIDDEN"]);
    assert_eq!(ann.does(delete()).await, ["deleted", "room deleted"]);
    assert_eq!(
        (bob.calm().await, tab.calm().await),
        (vec!["deleted".to_owned()], vec!["deleted".to_owned()])
    );
    assert_eq!(server.hub.figures().turns, 0);
    assert_eq!(crate::world::open_turns(&server).await, 0);
    for action in [
        Action::History { place: place(), before: None, limit: 1 },
        Action::Typing { place: place(), is_typing: true },
        exit(),
    ] {
        assert_eq!(ann.does(action).await, ["refused ROOM_NOT_FOUND"]);
    }
    assert_eq!(ann.does(super::erase(message)).await, ["refused MESSAGE_NOT_FOUND"]);
    assert_eq!(bob.does(enter(None)).await, ["room private room-1 as owner at 0, 1 of 1 online"]);
    assert_ne!(super::conversation(&server).await, conversation);
    assert!(log_lines(&server.store, super::conversation(&server).await).await.is_empty());
}
