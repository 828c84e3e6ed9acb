//! Questions that want their answer, and nothing else of the conversation.

use crate::client::{Client, draft, pass, settle};
use crate::line::lines;
use crate::rooms::{enter, place};
use crate::world::{END, conversation, log, log_lines, open_turns, say, server, wait};
use parlor_domain::message::Message;
use parlor_domain::ports::{BackendError, Delta, Role, Speaker, Store, UserChange};
use parlor_domain::room::RoomKind;
use parlor_domain::testing::{Script, TestHub, WriteFault};
use parlor_domain::{Action, ConversationId, Draft, ErrorCode, Outgoing, ReplyBody, TurnOptions};
use std::sync::Arc;
use std::time::Duration;

/// A client that gets answers alone.
async fn asker(server: &TestHub, name: &str) -> Client {
    let token = server.user(&format!("{name}@example.org")).await.to_string();
    let caller = server.hub.authenticate(&token).await.unwrap();
    Client { session: server.hub.connect_for_answers(&caller).unwrap() }
}

fn question(conversation: impl Into<Option<ConversationId>>, content: &str) -> Draft {
    draft(conversation, content, "plan", None)
}

fn ask(draft: Draft, pieces: bool) -> Action {
    Action::Ask { draft, pieces }
}

/// The replies that have come, and the lines of all that has.
async fn answers(client: &Client) -> (Vec<String>, Vec<Arc<Message>>) {
    settle().await;
    let items = client.take();
    let answer = |item: &Outgoing| match item {
        Outgoing::Reply(reply) => match &reply.body {
            ReplyBody::Answered { message, .. } => Some(Arc::clone(message)),
            _ => None,
        },
        _ => None,
    };
    (lines(&items), items.iter().filter_map(answer).collect())
}

/// Protects a client that asks: it gets the turn's beginning and its answer, with the pieces where it wants them, in a
/// conversation of its own, whatever the kind of its message; and nothing else.
#[tokio::test(start_paused = true)]
async fn a_question_gets_its_answer_and_nothing_else() {
    let server = server().await;
    let mut ann = asker(&server, "ann").await;
    let tab = asker(&server, "ann").await;
    server.backend.play(Script::reply(&["so", " it is"]));
    ann.act(ask(question(None, "Why is the sky blue?"), false)).await;
    let (seen, replies) = answers(&ann).await;
    assert_eq!(seen, ["start", "answered plan complete so it is"]);
    let conversation = replies[0].conversation;
    assert_eq!(log_lines(&server.store, conversation).await, ["1 Why is the sky blue?", "2 so it is"]);

    server.backend.play(vec![say("and"), say(" more"), END]);
    ann.act(ask(question(conversation, "And?"), true)).await;
    let (seen, _) = answers(&ann).await;
    assert_eq!(seen.first().unwrap(), "start");
    assert_eq!(seen.last().unwrap(), "answered plan complete and more");
    assert!(seen[1].starts_with("delta 0 and"), "{seen:?}");
    assert!(answers(&tab).await.0.is_empty(), "another connection of the same user hears nothing");
}

/// Protects the AI from forgetting: a later question brings the earlier ones with it, of whatever kind they were.
#[tokio::test(start_paused = true)]
async fn earlier_questions_are_part_of_the_context() {
    let server = server().await;
    let mut ann = asker(&server, "ann").await;
    server.backend.play(Script::reply(&["one"]));
    ann.act(ask(question(None, "first"), false)).await;
    let conversation = answers(&ann).await.1[0].conversation;
    server.backend.play(Script::reply(&["two"]));
    ann.act(ask(question(conversation, "second"), false)).await;
    settle().await;
    let told: Vec<_> = server.backend.requests()[1].context.iter().map(|it| it.content.clone()).collect();
    assert_eq!(told, ["first", "one", "second"]);
}

/// Protects who asks twice: the same question by the same id is answered with the same reply, while it is made and after,
/// with and without a conversation, and only one turn is ever made.
#[tokio::test(start_paused = true)]
async fn the_same_question_has_one_answer() {
    let server = server().await;
    let here = conversation(&server, &["ann"]).await;
    for place in [None, Some(here)] {
        let mut ann = asker(&server, "ann").await;
        let mut tab = asker(&server, "ann").await;
        let same = Draft { client_id: Some("q1".into()), ..question(place, "What is it?") };
        server.backend.play(vec![say("it is"), wait(1), say(" this"), END]);
        ann.act(ask(same.clone(), false)).await;
        settle().await;
        tab.act(ask(same.clone(), true)).await;
        pass(Duration::from_secs(2)).await;
        let (seen, first) = answers(&ann).await;
        assert_eq!(seen, ["start", "answered plan complete it is this"], "{place:?}");
        let (seen, second) = answers(&tab).await;
        assert_eq!(seen, ["start", "delta 0 it is this", "answered plan complete it is this"]);
        ann.act(ask(same, false)).await;
        let (seen, third) = answers(&ann).await;
        assert_eq!(seen, ["answered plan complete it is this"]);
        assert_eq!((first[0].id, second[0].id), (second[0].id, third[0].id));
        assert_eq!(log(&server.store, first[0].conversation).await.len(), 2);
    }
    assert_eq!(server.backend.requests().len(), 2);
}

/// Protects a question whose commit was not heard of: sent again it is answered, and it is in the log once.
#[tokio::test(start_paused = true)]
async fn a_question_survives_an_unknown_outcome() {
    for fault in [WriteFault::BeforeCommit, WriteFault::AfterCommit] {
        let server = server().await;
        let mut ann = asker(&server, "ann").await;
        let same = Draft { client_id: Some("q1".into()), ..question(None, "What is it?") };
        server.store.fail_next_writes(1, fault);
        ann.act(ask(same.clone(), false)).await;
        let (seen, _) = answers(&ann).await;
        assert_eq!(seen, ["refused INTERNAL"], "{fault:?}");
        server.backend.play(Script::reply(&["this"]));
        ann.act(ask(same, false)).await;
        pass(Duration::from_secs(30)).await;
        let (seen, replies) = answers(&ann).await;
        assert!(seen.last().unwrap().starts_with("answered plan"), "{fault:?}: {seen:?}");
        let questions = log(&server.store, replies[0].conversation).await;
        assert_eq!(questions.iter().filter(|it| it.content == "What is it?").count(), 1, "{fault:?}");
    }
}

/// Protects who asks from silence: a turn that fails, or is stopped elsewhere, is an answer too, and it goes on where its
/// asker has gone.
#[tokio::test(start_paused = true)]
async fn every_question_ends() {
    let server = server().await;
    let here = conversation(&server, &["ann"]).await;
    let mut ann = asker(&server, "ann").await;
    let mut tab = Client::join(&server, "ann", here).await;
    server.backend.play(vec![say("so"), Script::Hang]);
    ann.act(ask(question(here, "first"), false)).await;
    settle().await;
    tab.stop(here, None).await;
    assert_eq!(answers(&ann).await.0, ["start", "answered plan stopped so"]);

    let refused = BackendError::Status { status: 400, message: String::new(), retry_after: None };
    server.backend.play(vec![Script::Fail(refused)]);
    ann.act(ask(question(here, "second"), false)).await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(answers(&ann).await.0, ["start", "answered plan failed (AI_UNAVAILABLE)"]);

    server.backend.play(vec![say("so"), wait(1), END]);
    ann.act(ask(question(here, "third"), false)).await;
    settle().await;
    drop(ann);
    pass(Duration::from_secs(2)).await;
    assert_eq!(open_turns(&server).await, 0);
    assert_eq!(log_lines(&server.store, here).await.last().unwrap(), "6 so");
}

/// Protects what a user has not seen: what goes on in their conversations is not taken for delivered because a connection
/// for answers was open.
#[tokio::test(start_paused = true)]
async fn a_connection_for_answers_hears_of_nothing_else() {
    let server = server().await;
    let here = conversation(&server, &["ann", "bob"]).await;
    let mut ann = asker(&server, "ann").await;
    let mut bob = Client::join(&server, "bob", here).await;
    bob.note(here, "hello").await;
    assert!(answers(&ann).await.0.is_empty());
    ann.act(Action::Heads).await;
    assert_eq!(answers(&ann).await.0, ["heads []"]);
    let unsynced = server.store.unsynced_list(ann.session.user(), 10).await.unwrap();
    assert_eq!(unsynced.len(), 1);
}

/// Protects what an agent is told: what users have said of themselves and clients of their request, in conversations that
/// nobody else reads; and what is kept of both and of the backend's own words.
#[tokio::test(start_paused = true)]
async fn the_profile_goes_with_the_question() {
    let server = server().await;
    let token = server.user("ann@example.org").await.to_string();
    let caller = server.hub.authenticate(&token).await.unwrap();
    let profile = Some(r#"{"age":30}"#.into());
    let change = UserChange { profile: profile.clone(), username: Some("Ann".into()) };
    let me = server.hub.user_update(&caller, change).await.unwrap();
    assert_eq!((me.user.username(), me.user.role), ("Ann", Role::User));

    let mut ann = asker(&server, "ann").await;
    let raw = Script::Say(Delta::Raw(r#"{"id":1}"#.into()));
    server.backend.play(vec![raw.clone(), say("so"), END]);
    let options = TurnOptions {
        context: Some(r#"{"page":"home"}"#.into()),
        raw_events: true,
        system_prompt: Some("Be brief.".into()),
        ..TurnOptions::default()
    };
    ann.act(ask(Draft { options: options.clone(), ..question(None, "hello") }, false)).await;
    let (_, replies) = answers(&ann).await;
    let request = server.backend.requests().pop().unwrap();
    assert!(request.raw_events);
    assert_eq!(request.context[0].speaker, Speaker::System);
    let instructions = "Be brief.\n\nAbout the user, as JSON: {\"age\":30}\n\nAbout this request, as JSON: {\"page\":\"home\"}";
    assert_eq!(request.context[0].content, instructions);
    assert_eq!(replies[0].attached.as_ref().unwrap().raw_events, [Arc::from(r#"{"id":1}"#)]);

    server.backend.play(vec![raw, say("so"), END]);
    let mut ann = Client::connect(&server, "ann").await;
    ann.act(enter(RoomKind::Shared)).await;
    ann.act(Action::Send(Draft { place: Some(place()), ..draft(None, "@ai hello", "user", None) })).await;
    settle().await;
    let request = server.backend.requests().pop().unwrap();
    assert!(request.context.iter().all(|piece| !piece.content.contains("age")), "others read the answer");
    let refused = server
        .hub
        .user_update(
            &caller,
            UserChange { profile: Some("x".repeat(20_000).into()), ..UserChange::default() },
        )
        .await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::InvalidRequest);
}
