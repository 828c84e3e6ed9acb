//! What a stranger learns of a conversation: nothing, not even that it is there.

use crate::client::{Client, draft, settle};
use crate::world::{conversation, log_lines, server};
use parlor_domain::message::Edit;
use parlor_domain::{
    Action, ConversationId, ErrorCode, MessageId, Outgoing, Position, ReplyBody, TurnOptions, UploadAction,
    UploadDraft,
};

/// Every action that names a conversation, done in `id`. A new kind of action does not compile here until it has its
/// row.
fn actions(id: ConversationId, message: MessageId) -> Vec<Action> {
    let rows = vec![
        Action::Join(id.into()),
        Action::Leave(id.into()),
        Action::Send(draft(id, "hello", "note", None)),
        Action::Send(draft(id, "hello", "user", Some("c1"))),
        Action::Ask { draft: draft(id, "hello", "user", None), pieces: true },
        Action::Ask { draft: draft(id, "hello", "plan", Some("c1")), pieces: false },
        Action::Stream { place: id.into(), message, options: TurnOptions::default() },
        Action::Stop { place: id.into(), turn: None },
        Action::Stop { place: id.into(), turn: Some(message) },
        Action::Typing { place: id.into(), is_typing: true },
        Action::Typing { place: id.into(), is_typing: false },
        Action::Resume(vec![Position { place: id.into(), seq: 0, epoch: None }]),
        Action::Resume(vec![Position { place: id.into(), seq: 9, epoch: Some("x".into()) }]),
        Action::History { place: id.into(), before: None, limit: 10 },
        Action::Regenerate { place: id.into(), message: None, options: TurnOptions::default() },
        Action::Regenerate { place: id.into(), message: Some(message), options: TurnOptions::default() },
        Action::Read { place: id.into(), seq: 1 },
        Action::Change { message, edit: Edit::Content("mine".into()) },
        Action::Change { message, edit: Edit::Delete },
        Action::Change { message, edit: Edit::React { emoji: "x".into(), add: true } },
        Action::Upload(UploadAction::Init(UploadDraft {
            place: Some(id.into()),
            name: "a.txt".into(),
            size: 1,
            media_type: String::new(),
        })),
        Action::Heads,
        Action::Sync,
        Action::Hold,
        Action::StopOwn,
        Action::FollowOwn,
    ];
    let kinds: std::collections::BTreeSet<_> = rows.iter().map(kind).collect();
    assert!(kinds.into_iter().eq(0..KINDS), "each kind has a row");
    rows
}

/// How many kinds of actions there are: one more than the highest number in [`kind`].
const KINDS: usize = 18;

fn kind(action: &Action) -> usize {
    match action {
        Action::Join(_) => 0,
        Action::Leave(_) => 1,
        Action::Send(_) => 2,
        Action::Stream { .. } => 3,
        Action::Stop { .. } => 4,
        Action::Typing { .. } => 5,
        Action::Resume(_) => 6,
        Action::History { .. } => 7,
        Action::Heads => 8,
        Action::Regenerate { .. } => 9,
        Action::Read { .. } => 10,
        Action::Change { .. } => 11,
        Action::Sync => 12,
        Action::Hold => 13,
        Action::Ask { .. } => 14,
        Action::StopOwn => 15,
        Action::FollowOwn => 16,
        Action::Upload(_) => 17,
        Action::Room(_) => unreachable!("rooms have a matrix of their own"),
    }
}

/// Protects every conversation: a stranger gets the same refusal for it as for one that does not exist, whatever they
/// ask, and changes nothing.
#[tokio::test(start_paused = true)]
async fn a_stranger_cannot_tell_a_foreign_conversation_from_none() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    let mut ann = Client::join(&server, "ann", id).await;
    ann.ask(id, "secret").await;
    settle().await;
    let message = ann.entries()[0].id;
    let nowhere = ConversationId::new();
    for (foreign, absent) in actions(id, message).into_iter().zip(actions(nowhere, message)) {
        let what = format!("{foreign:?}");
        let expected = match foreign {
            Action::Leave(_) => "left", // what is over is over, whether or not it ever was
            Action::Heads => "heads []",
            Action::Sync => "synced",
            Action::StopOwn => "nothing to stop",
            Action::Hold | Action::FollowOwn => continue, // it names no conversation, and is not answered
            Action::Change { .. } => "refused MESSAGE_NOT_FOUND",
            _ => "refused CONVERSATION_NOT_FOUND",
        };
        for (action, named) in [(foreign, id), (absent, nowhere)] {
            let mut eve = Client::connect(&server, "eve").await;
            eve.act(action).await;
            settle().await;
            let items = eve.take();
            assert_eq!(crate::line::lines(&items), [expected], "{what}");
            let Outgoing::Reply(reply) = &items[0] else { panic!("no answer") };
            if let ReplyBody::Refused { refusal, conversation } = &reply.body {
                let expected =
                    if matches!(refusal.code, ErrorCode::MessageNotFound) { None } else { Some(named) };
                assert_eq!(*conversation, expected, "{what}");
                assert_eq!(refusal.message, refusal.code.meaning(), "the words are the same too: {what}");
            }
            eve.act(Action::Heads).await;
            assert_eq!(eve.seen().await, ["heads []"], "{what}");
        }
    }
    assert!(ann.seen().await.is_empty());
    assert_eq!(log_lines(&server.store, id).await.len(), 2);
}

/// Protects a member from being taken for a stranger where the store fails: they are told to try again.
#[tokio::test(start_paused = true)]
async fn a_conversation_that_cannot_be_loaded_is_not_called_absent() {
    let server = server().await;
    let id = conversation(&server, &["ann"]).await;
    settle().await;
    for action in actions(id, MessageId::new()) {
        let mut ann = Client::connect(&server, "ann").await;
        let names_none = matches!(action, Action::StopOwn | Action::FollowOwn);
        let free = names_none || matches!(action, Action::Leave(_) | Action::Heads | Action::Hold);
        server.store.fail_next_reads(1);
        let what = format!("{action:?}");
        ann.act(action.clone()).await;
        let seen = ann.seen().await;
        assert_eq!(seen == ["refused INTERNAL"], !free, "{what}: {seen:?}");
        assert_eq!(server.hub.health().await.is_err(), free, "{what}: the fault was met");
    }
}
