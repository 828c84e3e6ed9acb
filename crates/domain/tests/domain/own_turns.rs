//! Connections that follow their user's own turns: one copy of each, on every such connection, from its beginning.

use crate::client::{Client, draft, pass, settle};
use crate::rooms::{enter, place};
use crate::world::{END, conversation, log_lines, say, server, unlimited, wait};
use parlor_domain::room::RoomKind;
use parlor_domain::testing::{MemoryStore, Script, TestHub};
use parlor_domain::{Action, ConversationId, Draft, ErrorCode, Quota, Settings};
use std::sync::Arc;
use std::time::Duration;

/// A connection that follows its user's own turns.
async fn tab(server: &TestHub, name: &str) -> Client {
    let user = server.user(&format!("{name}@example.org")).await;
    let caller = server.hub.authenticate(&user.to_string()).await.unwrap();
    let mut tab = Client { session: server.hub.connect_to_own_turns(&caller).unwrap() };
    tab.act(Action::FollowOwn).await;
    tab
}

fn ask(conversation: impl Into<Option<ConversationId>>, content: &str) -> Action {
    Action::Ask { draft: draft(conversation, content, "user", None), pieces: true }
}

/// Protects two tabs of one user: both see the same, also of a conversation that one of them has made after the other
/// had come, and nobody else sees anything.
#[tokio::test(start_paused = true)]
async fn every_tab_sees_its_users_turns() {
    let server = server().await;
    let (mut first, second) = (tab(&server, "ann").await, tab(&server, "ann").await);
    let stranger = tab(&server, "bob").await;
    server.backend.play(vec![say("one "), wait(1), say("two"), END]);
    first.act(ask(None, "Count")).await;
    pass(Duration::from_secs(2)).await;
    let expected = ["message 1 Count", "start", "delta 0 one two", "answered user complete one two"];
    assert_eq!(first.seen().await, expected);
    assert_eq!(second.seen().await, expected);
    assert!(stranger.seen().await.is_empty());
}

/// Protects who comes back: a running reply is shown from its beginning, with its question, and goes on; a turn that was
/// asked for by another dialect too.
#[tokio::test(start_paused = true)]
async fn who_comes_back_sees_the_running_reply_from_its_beginning() {
    let server = server().await;
    let here = conversation(&server, &["ann"]).await;
    let mut page = Client::join(&server, "ann", here).await;
    let gone = tab(&server, "ann").await;
    server.backend.play(vec![say("one "), wait(2), say("two"), END]);
    page.ask(here, "Count").await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(gone.seen().await, ["message 1 Count", "start", "delta 0 one "]);
    drop(gone);
    let back = tab(&server, "ann").await;
    assert_eq!(back.seen().await, ["message 1 Count", "start", "delta 0 one "]);
    pass(Duration::from_secs(2)).await;
    assert_eq!(back.seen().await, ["delta 4 two", "answered user complete one two"]);
    assert!(tab(&server, "ann").await.seen().await.is_empty(), "what has ended is history");
}

/// Protects "stop": it means the newest turn of the user's own, in the conversation of the tab; what was produced is kept,
/// and a stop that comes too late is harmless.
#[tokio::test(start_paused = true)]
async fn stop_means_ones_own_newest_turn() {
    let server = server().await;
    let (mut ann, other) = (tab(&server, "ann").await, tab(&server, "ann").await);
    ann.act(Action::StopOwn).await;
    assert_eq!(ann.seen().await, ["nothing to stop"]);
    server.backend.play(vec![say("half "), Script::Hang]);
    ann.act(ask(None, "Go on")).await;
    settle().await;
    ann.act(Action::StopOwn).await;
    settle().await;
    let told = ["message 1 Go on", "start", "delta 0 half ", "answered user stopped half "];
    assert_eq!(other.seen().await, told);
    assert_eq!(ann.seen().await[..4], told);
    ann.act(Action::StopOwn).await;
    assert_eq!(ann.seen().await, ["nothing to stop"]);

    // What was refused was not asked.
    server.backend.play(vec![say("on"), Script::Hang]);
    ann.act(ask(None, "On")).await;
    ann.act(ask(ConversationId::new(), "Where?")).await;
    ann.act(Action::StopOwn).await;
    settle().await;
    assert!(ann.seen().await.contains(&"answered user stopped on".to_owned()));

    // One who has not asked yet means the newest anywhere.
    server.backend.play(vec![say("more"), Script::Hang]);
    ann.act(ask(None, "And?")).await;
    settle().await;
    let mut fresh = tab(&server, "ann").await;
    fresh.act(Action::StopOwn).await;
    settle().await;
    assert!(fresh.seen().await.contains(&"answered user stopped more".to_owned()));
}

/// Protects the others in a room: what they asked for is no turn of one's own.
#[tokio::test(start_paused = true)]
async fn anothers_turn_is_not_stopped() {
    let server = server().await;
    let mut bob = Client::connect(&server, "bob").await;
    bob.act(enter(RoomKind::Shared)).await;
    let mut ann = Client::connect(&server, "ann").await;
    ann.act(enter(RoomKind::Shared)).await;
    settle().await;
    let room = place();
    let mut tab = tab(&server, "ann").await;
    server.backend.play(Script::reply(&["hers"]));
    let hers = Draft { place: Some(room.clone()), ..draft(None, "mine", "user", None) };
    tab.act(Action::Ask { draft: hers, pieces: true }).await;
    settle().await;
    server.backend.play(vec![say("his"), wait(1), END]);
    let his = Draft { place: Some(room), ..draft(None, "@ai his", "user", None) };
    bob.act(Action::Send(his)).await;
    settle().await;
    tab.seen().await;
    tab.act(Action::StopOwn).await;
    assert_eq!(tab.seen().await, ["nothing to stop"]);
    pass(Duration::from_secs(2)).await;
    assert!(tab.seen().await.is_empty());
    assert!(bob.seen().await.iter().any(|line| line.contains("complete his")));
}

/// Protects who sends again because they did not hear: while the turn lives they get it from its beginning, once; after it,
/// all of it.
#[tokio::test(start_paused = true)]
async fn a_resend_is_told_all_of_it() {
    let server = server().await;
    let mut ann = tab(&server, "ann").await;
    let same = || Action::Ask { draft: draft(None, "Count", "user", Some("c1")), pieces: true };
    server.backend.play(vec![say("one "), wait(2), say("two"), END]);
    ann.act(same()).await;
    settle().await;
    let beginning = ["message 1 Count", "start", "delta 0 one "];
    assert_eq!(ann.seen().await, beginning);
    ann.act(same()).await;
    settle().await;
    assert_eq!(ann.seen().await, beginning);
    pass(Duration::from_secs(3)).await;
    assert_eq!(ann.seen().await, ["delta 4 two", "answered user complete one two"]);
    ann.act(same()).await;
    let whole = ["message 1 Count", "start", "delta 0 one two", "answered user complete one two"];
    assert_eq!(ann.seen().await, whole);
}

/// Protects who waits for a reply whose server died: they come back, and are told how it ended, with what there is.
#[test]
fn a_turn_of_a_dead_node_is_told_to_its_end() {
    let life = |scene: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(scene);
    };
    let store = Arc::new(MemoryStore::new());
    let dying = Arc::clone(&store);
    life(Box::pin(async move {
        let server = TestHub::on(dying, unlimited()).await;
        let mut ann = tab(&server, "ann").await;
        server.backend.play(vec![say("half"), Script::Hang]);
        ann.act(ask(None, "Go on")).await;
        pass(Duration::from_secs(3)).await;
    }));
    life(Box::pin(async move {
        let server = TestHub::on(store, unlimited()).await;
        let ann = tab(&server, "ann").await;
        settle().await;
        let told = ["message 1 Go on", "start", "delta 0 half", "answered user interrupted half"];
        assert_eq!(ann.seen().await, told, "it was there when the turn was ended");
        assert_eq!(tab(&server, "ann").await.seen().await, told, "it came after that");
        assert!(tab(&server, "bob").await.seen().await.is_empty());
        pass(Duration::from_secs(61)).await;
        assert!(tab(&server, "ann").await.seen().await.is_empty(), "it is history");
    }));
}

/// Protects the limit of the AI API: requests and connections count together.
#[tokio::test(start_paused = true)]
async fn requests_and_tabs_count_together() {
    let mut settings: Settings = unlimited();
    settings.limits.ai_chats = Quota::new(2, Duration::from_secs(60));
    let server = TestHub::with(settings).await;
    let user = server.user("ann@example.org").await;
    let caller = server.hub.authenticate(&user.to_string()).await.unwrap();
    server.backend.play(Script::reply(&["yes"]));
    server.hub.chat(&caller, draft(None, "one", "user", None)).await.unwrap();
    let (mut one, mut two) = (tab(&server, "ann").await, tab(&server, "ann").await);
    server.backend.play(Script::reply(&["yes"]));
    one.act(ask(None, "two")).await;
    settle().await;
    one.seen().await;
    two.seen().await;
    two.act(ask(None, "three")).await;
    assert_eq!(two.seen().await, ["refused CHAT_RATE_LIMIT_EXCEEDED for 30 s"]);
    let refused = server.hub.chat(&caller, draft(None, "four", "user", None)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::ChatRateLimitExceeded);
}

/// Protects every list of conversations: another title is heard of at once by all who take part, and by nobody else; only
/// its owner gives one.
#[tokio::test(start_paused = true)]
async fn another_title_is_heard_of_by_all() {
    let server = server().await;
    let here = conversation(&server, &["ann", "bob"]).await;
    let (ann, bob) = (Client::connect(&server, "ann").await, Client::join(&server, "bob", here).await);
    let caller = async |name: &str| {
        let user = server.user(&format!("{name}@example.org")).await;
        server.hub.authenticate(&user.to_string()).await.unwrap()
    };
    let renamed = server.hub.conversation_rename(&caller("ann").await, here, "Tea").await.unwrap();
    assert_eq!(renamed.summary.title, "Tea");
    for client in [&ann, &bob] {
        settle().await;
        let items = client.take();
        let titles: Vec<_> = items.iter().filter_map(crate::own_turns::title).collect();
        assert_eq!(titles, ["Tea"]);
    }
    let refused = server.hub.conversation_rename(&caller("bob").await, here, "Mine").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);
    for bad in ["", " ", "a\0b", &"x".repeat(201)] {
        let refused = server.hub.conversation_rename(&caller("ann").await, here, bad).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidRequest, "{bad:?}");
    }
    assert!(log_lines(&server.store, here).await.is_empty(), "a title is no entry");
    let made = server.hub.conversation_make(&caller("ann").await, None).await.unwrap();
    assert_eq!(made.summary.title, "New conversation");
    assert_eq!(ann.take().iter().filter_map(title).collect::<Vec<_>>(), ["New conversation"]);
}

fn title(item: &parlor_domain::Outgoing) -> Option<String> {
    let parlor_domain::Outgoing::Event(event) = item else { return None };
    match event.body() {
        parlor_domain::EventBody::Updated(summary) => Some(summary.title.clone()),
        _ => None,
    }
}
