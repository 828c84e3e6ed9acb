//! Texts that may not pass: what goes to a backend, and what comes from one.

use crate::client::{Client, pass, settle};
use crate::world::{END, conversation, log, say, unlimited, wait};
use parlor_domain::message::TurnStatus;
use parlor_domain::ports::{
    Account, AttemptOutcome, AuditFilter, AuditStore, Backend, BackendError, ContextMessage, Delta, Finish,
    ModerationError, Role, Speaker, Store, ToolCall, UserChange, Window,
};
use parlor_domain::testing::{MemoryStore, Mood, Script, ScriptedBackend, TestHub, WordModerator};
use parlor_domain::{
    Action, AssistantDraft, Caller, CompletionDraft, CompletionEnd, CompletionPiece, ConversationId, Draft,
    ErrorCode, Hub, Ports, Settings, TurnOptions, Unjudged,
};
use std::sync::Arc;
use std::time::Duration;

/// Judges at once whatever there is.
const AT_ONCE: Window = Window { bytes: 1, wait: Duration::ZERO };
/// Judges what comes in 300 ms, or 40 bytes.
const WINDOWS: Window = Window { bytes: 40, wait: Duration::from_millis(300) };

struct Moderated {
    server: TestHub,
    moderator: Arc<WordModerator>,
}

impl Moderated {
    async fn with(words: &[&'static str], window: Window, settings: Settings) -> Self {
        let (store, backend) = (Arc::new(MemoryStore::new()), ScriptedBackend::new());
        let moderator = WordModerator::new(words, window);
        let (provider, judge) = (Arc::clone(&backend) as Arc<dyn Backend>, Arc::clone(&moderator));
        let change = |ports| Ports { providers: vec![provider.into()], moderator: Some(judge), ..ports };
        Self { server: TestHub::with_ports(store, backend, false, settings, change).await, moderator }
    }

    async fn start(words: &[&'static str], window: Window) -> Self {
        Self::with(words, window, unlimited()).await
    }

    async fn ann(&self) -> (Client, ConversationId) {
        let id = conversation(&self.server, &["ann"]).await;
        (Client::join(&self.server, "ann", id).await, id)
    }

    /// What was told to the audit log of flagged texts.
    async fn flagged(&self) -> Vec<String> {
        let filter = AuditFilter { action: Some("content_flag".into()), ..AuditFilter::default() };
        let entries = self.server.store.audit_list(filter, None, 100).await.unwrap();
        let line = |entry: parlor_domain::ports::AuditEntry| {
            assert!(entry.actor.is_some() && entry.outcome == "CONTENT_FLAGGED");
            entry.subject.unwrap()
        };
        entries.into_iter().rev().map(line).collect()
    }

    async fn caller(&self) -> Caller {
        let token = self.server.user("ann@example.org").await.to_string();
        self.server.hub.authenticate(&token).await.unwrap()
    }
}

fn think(text: &str) -> Script {
    Script::Say(Delta::Reasoning(text.into()))
}

async fn complete(hub: &Hub, caller: &Caller, draft: CompletionDraft) -> (String, CompletionEnd) {
    let (mut stream, mut text) = (hub.complete(caller, draft).unwrap(), String::new());
    loop {
        match stream.next().await.expect("a stream has an end") {
            CompletionPiece::Content(piece) => text.push_str(&piece),
            CompletionPiece::Reasoning(_) | CompletionPiece::ToolCall(_) => {}
            CompletionPiece::End(end) => return (text, *end),
        }
    }
}

fn brought(pieces: &[(Speaker, &str)]) -> CompletionDraft {
    let context = pieces.iter().map(|(speaker, text)| ContextMessage::new(*speaker, *text)).collect();
    CompletionDraft { context, ..CompletionDraft::default() }
}

/// Protects backends and budgets from what may not pass: the message stays, its turn fails by its code, nobody is asked
/// and nothing is used; who did it is written down, and what they said is not.
#[tokio::test(start_paused = true)]
async fn a_flagged_message_reaches_no_backend() {
    let mut settings = unlimited();
    settings.turns.budgets.user = Some(1_000_000);
    let world = Moderated::with(&["bomb"], AT_ONCE, settings).await;
    let (mut ann, id) = world.ann().await;
    ann.ask(id, "how do I make a BOMB?").await;
    let seen = ann.seen().await;
    assert_eq!(seen[..2], ["sent 1 how do I make a BOMB?", "start"]);
    assert!(seen[2].starts_with("end 2 failed") && seen[2].contains("CONTENT_FLAGGED"), "{seen:?}");
    assert!(world.server.backend.requests().is_empty());
    let user = world.server.user("ann@example.org").await;
    let balance = world.server.store.usage_balance(&Account::User(user)).await.unwrap();
    assert_eq!((balance.used, balance.reserved), (0, 0));
    assert_eq!(log(&world.server.store, id).await[0].content, "how do I make a BOMB?");
    assert_eq!(world.flagged().await, [format!("conversation {id} request: forbidden")]);
}

/// Protects a conversation from one bad message: the next turn is answered, and the backend is not told of it.
#[tokio::test(start_paused = true)]
async fn what_was_flagged_is_left_out_of_later_contexts() {
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let (mut ann, id) = world.ann().await;
    ann.ask(id, "first").await;
    settle().await;
    ann.ask(id, "a bomb").await;
    settle().await;
    ann.note(id, "a bomb in a note").await;
    ann.ask(id, "second").await;
    settle().await;
    let requests = world.server.backend.requests();
    let told: Vec<_> = requests.last().unwrap().context.iter().map(|it| it.content.as_str()).collect();
    assert_eq!(told, ["first", "first", "second"]);
    let again: Vec<_> = world.moderator.asked().concat().into_iter().filter(|text| text == "first").collect();
    assert_eq!(again.len(), 2, "its question, and the reply on its way out; the context was known to pass");
}

/// Protects instructions: a client's own are judged, and so is what it says of its request; the operator's are not.
#[tokio::test(start_paused = true)]
async fn instructions_of_a_client_are_judged() {
    let mut settings = unlimited();
    settings.turns.system_prompt = Some("Never speak of a bomb.".into());
    let world = Moderated::with(&["bomb"], AT_ONCE, settings).await;
    let (mut ann, id) = world.ann().await;
    ann.ask(id, "hello").await;
    assert_eq!(ann.seen().await.last().unwrap(), "end 2 complete hello");
    for options in [
        TurnOptions { system_prompt: Some("Build a bomb.".into()), ..TurnOptions::default() },
        TurnOptions { context: Some("{\"a\":\"bomb\"}".into()), ..TurnOptions::default() },
    ] {
        let draft = crate::client::draft(id, "hello", "user", None);
        ann.act(Action::Send(Draft { options, ..draft })).await;
        assert!(ann.seen().await.last().unwrap().contains("CONTENT_FLAGGED"));
    }
    assert_eq!(world.server.backend.requests().len(), 1);
}

/// Protects what a client brings itself: every piece of it is judged, tools too.
#[tokio::test(start_paused = true)]
async fn every_piece_of_a_completion_is_judged() {
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let caller = world.caller().await;
    let draft = brought(&[(Speaker::System, "a bomb"), (Speaker::User, "hello")]);
    let tools = CompletionDraft {
        extra: Some("{\"tools\":\"bomb\"}".into()),
        ..brought(&[(Speaker::User, "hello")])
    };
    let earlier = brought(&[(Speaker::User, "a bomb"), (Speaker::Assistant, "no"), (Speaker::User, "hi")]);
    for draft in [draft, tools, earlier] {
        let (text, end) = complete(&world.server.hub, &caller, draft).await;
        assert_eq!((text.as_str(), end.status), ("", TurnStatus::Failed));
        assert_eq!(end.refusal.unwrap().code, ErrorCode::ContentFlagged);
    }
    assert!(world.server.backend.requests().is_empty());
    let lines = world.flagged().await;
    assert!(lines.len() == 3 && lines.iter().all(|line| line.starts_with("completion ")), "{lines:?}");
    let (text, end) = complete(&world.server.hub, &caller, brought(&[(Speaker::User, "hello")])).await;
    assert_eq!((text.as_str(), end.status), ("hello", TurnStatus::Complete));
}

/// Protects readers: what was shown before a block stays, what was held back with it is dropped, a word that comes in two
/// pieces is one word, and the turn ends.
#[tokio::test(start_paused = true)]
async fn a_reply_is_cut_before_what_may_not_pass() {
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let (mut ann, id) = world.ann().await;
    world.server.backend.play(vec![
        say("so "),
        wait(1),
        say("you take a bo"),
        say("mb and "),
        say("run"),
        END,
    ]);
    ann.ask(id, "tell me").await;
    pass(Duration::from_secs(3)).await;
    let seen = ann.seen().await;
    assert_eq!(seen[..3], ["sent 1 tell me", "start", "delta 0 so you take a "]);
    let shown: String = seen.iter().filter(|line| line.starts_with("delta")).cloned().collect();
    assert!(!shown.contains("bo"), "half a word is not shown: {shown}");
    let end = seen.last().unwrap();
    assert!(end.contains("failed") && end.contains("CONTENT_FLAGGED") && !end.contains("bomb"), "{end}");
    assert!(log(&world.server.store, id).await[1].content == "so you take a ");
    assert_eq!(world.flagged().await, [format!("conversation {id} reply: forbidden")]);
    assert_eq!(world.server.hub.figures().turns, 0);
    ann.ask(id, "and now?").await;
    assert!(ann.seen().await.last().unwrap().ends_with("complete and now?"), "the next turn is answered");
}

/// Protects the seam of two windows: what takes several words is found though the first of them have been shown.
#[tokio::test(start_paused = true)]
async fn what_lies_over_the_seam_of_two_windows_is_found() {
    let world = Moderated::start(&["make a bomb"], WINDOWS).await;
    let (mut ann, id) = world.ann().await;
    let first = "this is how to make a ";
    world.server.backend.play(vec![say(first), wait(1), say("bomb at home, in an hour"), wait(1), END]);
    ann.ask(id, "tell me").await;
    pass(Duration::from_secs(3)).await;
    let seen = ann.seen().await;
    assert_eq!(seen[2], format!("delta 0 {first}"));
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert!(seen[3].contains("CONTENT_FLAGGED"));
    assert_eq!(log(&world.server.store, id).await[1].content, first);
}

/// Protects a reply that may pass: it comes whole and in its order, whatever its pieces and windows, at most a window's
/// time late, and is judged no more often than there are windows.
#[tokio::test(start_paused = true)]
async fn a_reply_that_may_pass_comes_whole() {
    let world = Moderated::start(&["bomb"], WINDOWS).await;
    let (mut ann, id) = world.ann().await;
    let mut script = vec![say("Hel"), say("lo "), Script::Wait(Duration::from_millis(400)), think("hm ")];
    script.extend("das ist ein längerer Satz ohne Böses".split_inclusive(' ').map(say));
    script.extend([say(&"長".repeat(200)), END]);
    world.server.backend.play(script);
    ann.ask(id, "go").await;
    pass(Duration::from_millis(310)).await;
    assert_eq!(ann.lines(), ["sent 1 go", "start", "delta 0 Hello "], "after a window's time");
    pass(Duration::from_secs(2)).await;
    let whole = format!("Hello das ist ein längerer Satz ohne Böses{}", "長".repeat(200));
    assert_eq!(ann.seen().await.last().unwrap(), &format!("end 2 complete {whole}"));
    assert!(world.moderator.asked().len() <= 5, "{:?}", world.moderator.asked());
}

/// Protects thoughts and calls of tools as the text is.
#[tokio::test(start_paused = true)]
async fn thoughts_and_calls_are_judged() {
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let (mut ann, id) = world.ann().await;
    world.server.backend.play(vec![think("a bo"), think("mb, "), say("no"), END]);
    ann.ask(id, "think").await;
    let seen = ann.seen().await;
    assert!(seen.last().unwrap().contains("CONTENT_FLAGGED"), "{seen:?}");
    assert!(!seen.concat().contains("mb"), "{seen:?}");

    let call = |arguments: &str| {
        Script::Say(Delta::ToolCall(ToolCall { arguments: arguments.into(), ..ToolCall::default() }))
    };
    world.server.backend.play(vec![
        call("{\"q\":\"bo"),
        call("mb\"}"),
        Script::Say(Delta::End(Finish::ToolCalls)),
    ]);
    let caller = world.caller().await;
    let (_, end) = complete(&world.server.hub, &caller, brought(&[(Speaker::User, "call")])).await;
    assert_eq!(end.refusal.unwrap().code, ErrorCode::ContentFlagged);
}

/// Protects a restart: what an older attempt said is neither judged with the new one's text nor shown any more.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_begins_anew_is_judged_anew() {
    let world = Moderated::start(&["bomb"], WINDOWS).await;
    let (mut ann, id) = world.ann().await;
    let broken = Script::Fail(BackendError::Unreachable("gone".into()));
    world.server.backend.play(vec![say("shown words "), wait(1), say("a bo"), broken]);
    world.server.backend.play(vec![say("mb of the new one "), END]);
    let options = TurnOptions { restarts: true, ..TurnOptions::default() };
    let draft = Draft { options, ..crate::client::draft(id, "go", "user", None) };
    ann.act(Action::Send(draft)).await;
    pass(Duration::from_secs(5)).await;
    let seen = ann.seen().await;
    assert_eq!(seen.last().unwrap(), "end 2 complete mb of the new one ", "{seen:?}");
    assert!(!seen.concat().contains("a bo"), "{seen:?}");
}

/// Protects raw events: what a backend sent is not kept where not all of it has passed.
#[tokio::test(start_paused = true)]
async fn what_was_held_back_is_not_kept_elsewhere() {
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let (mut ann, id) = world.ann().await;
    let raw = |text: &str| Script::Say(Delta::Raw(format!("{{\"a\":\"{text}\"}}").into()));
    let options = TurnOptions { raw_events: true, ..TurnOptions::default() };
    let ask = |content: &str| {
        let draft = crate::client::draft(id, content, "user", None);
        Action::Send(Draft { options: options.clone(), ..draft })
    };
    world.server.backend.play(vec![raw("good"), say("good"), END]);
    world.server.backend.play(vec![raw("bomb"), say("bomb "), END]);
    world.server.backend.play(vec![raw("bomb"), say("bomb"), Script::Hang]);
    for content in ["one", "two", "three"] {
        ann.act(ask(content)).await;
        settle().await;
    }
    ann.stop(id, None).await;
    settle().await;
    let log =
        parlor_domain::ports::ConversationStore::log_export(&*world.server.store, id, 0, 100).await.unwrap();
    let kept = |seq: usize| log[seq - 1].attached.as_ref().map_or(0, |it| it.raw_events.len());
    assert_eq!((kept(2), kept(4), kept(6)), (1, 0, 0));
}

/// Protects from a moderator that stalls, fails or talks nonsense: unless the operator says so, nothing passes unseen, and
/// the turn ends in a bounded time; a failure that passes is asked about again.
#[tokio::test(start_paused = true)]
async fn a_moderator_that_fails_lets_nothing_pass() {
    let fail = || Mood::Fail(ModerationError::Unreachable("no".into()));
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let (mut ann, id) = world.ann().await;
    for moods in [
        vec![Mood::Stall, Mood::Stall],
        vec![fail(), fail()],
        vec![fail(), Mood::Slow(Duration::from_secs(6))],
        vec![Mood::Fail(ModerationError::Malformed("no".into()))],
        vec![Mood::Garbage],
    ] {
        moods.into_iter().for_each(|mood| world.moderator.next(mood));
        ann.ask(id, "hello").await;
        pass(Duration::from_secs(11)).await;
        let seen = ann.seen().await;
        let end = seen.last().unwrap();
        assert!(end.contains("failed") && end.contains("AI_UNAVAILABLE"), "{seen:?}");
    }
    assert!(world.server.backend.requests().is_empty());
    world.moderator.next(fail());
    ann.ask(id, "hello").await;
    assert!(ann.seen().await.last().unwrap().ends_with("complete hello"));
    assert!(world.flagged().await.is_empty(), "nobody was accused");
}

/// Protects a reply in the middle from the same.
#[tokio::test(start_paused = true)]
async fn a_moderator_that_fails_in_the_middle_ends_the_reply() {
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let (mut ann, id) = world.ann().await;
    world.server.backend.play(vec![say("one "), wait(1), say("two "), Script::Hang]);
    ann.ask(id, "hello").await;
    settle().await;
    world.moderator.next(Mood::Stall);
    world.moderator.next(Mood::Stall);
    pass(Duration::from_secs(12)).await;
    let seen = ann.seen().await;
    assert!(seen.last().unwrap().contains("failed one "), "{seen:?}");
    assert!(seen.last().unwrap().contains("AI_UNAVAILABLE"), "{seen:?}");
}

/// Protects an operator who would rather have replies: then texts that nobody could judge pass.
#[tokio::test(start_paused = true)]
async fn where_the_operator_says_so_what_nobody_judged_passes() {
    let mut settings = unlimited();
    settings.moderation.unjudged = Unjudged::Pass;
    let world = Moderated::with(&["bomb"], AT_ONCE, settings).await;
    let (mut ann, id) = world.ann().await;
    // Its question, and the two windows of its reply.
    for _ in 0..3 {
        world.moderator.next(Mood::Garbage);
    }
    ann.ask(id, "a bomb").await;
    assert_eq!(ann.seen().await.last().unwrap(), "end 2 complete a bomb");
    ann.ask(id, "a bomb").await;
    assert!(ann.seen().await.last().unwrap().contains("CONTENT_FLAGGED"), "it did not pass for good");
}

/// Protects the books: what a reply used that was cut is entered, and a backend is not blamed for it.
#[tokio::test(start_paused = true)]
async fn a_reply_that_was_cut_is_in_the_books() {
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let (mut ann, id) = world.ann().await;
    world.server.backend.play(vec![say("a bomb "), Script::Hang]);
    ann.ask(id, "hello").await;
    settle().await;
    let turn = log(&world.server.store, id).await[1].id;
    let records = world.server.store.usage_attempts(turn).await.unwrap();
    assert_eq!((records.len(), records[0].outcome), (1, AttemptOutcome::Interrupted));
    assert!(records[0].usage.completion_tokens > 0);
    assert!(world.server.hub.backend_states()[0].takes_turns);
}

/// Protects a slow moderator's server from a fast backend: no more than a bounded part of a reply waits.
#[tokio::test(start_paused = true)]
async fn a_backend_waits_for_a_slow_moderator() {
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let (mut ann, id) = world.ann().await;
    let mut script: Vec<_> = (0..1_000).map(|_| say(&format!("{} ", "x".repeat(255)))).collect();
    script.push(END);
    world.server.backend.play(script);
    for _ in 0..3 {
        world.moderator.next(Mood::Slow(Duration::from_millis(10)));
    }
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(1)).await;
    assert!(ann.seen().await.last().unwrap().starts_with("end 2 complete x"));
    let longest = world.moderator.asked().concat().iter().map(String::len).max().unwrap();
    assert!(longest <= 64 * 1024 + 1024, "{longest}");
}

/// Protects assistants of the server, which may speak of what may not pass; what a user writes into theirs is judged, and so
/// is the profile that stands in either.
#[tokio::test(start_paused = true)]
async fn instructions_of_users_are_judged_and_the_servers_are_not() {
    let world = Moderated::start(&["bomb"], AT_ONCE).await;
    let (mut ann, id) = world.ann().await;
    let mut caller = world.caller().await;
    let made = |name: &str, prompt: &str, for_everybody| {
        let (name, prompt) = (name.to_owned(), prompt.to_owned());
        AssistantDraft { name, prompt, for_everybody, ..AssistantDraft::default() }
    };
    world.server.hub.assistant_create(&caller, made("own", "Build a bomb.", false)).await.unwrap();
    caller.identity.role = Role::Admin;
    let guard = made("guard", "Never speak of a bomb to {profile}.", true);
    world.server.hub.assistant_create(&caller, guard).await.unwrap();
    let ask = |name: &str| {
        let options = TurnOptions { model: Some(name.into()), ..TurnOptions::default() };
        Action::Send(Draft { options, ..crate::client::draft(id, "hello", "user", None) })
    };
    ann.act(ask("guard")).await;
    assert!(ann.seen().await.last().unwrap().ends_with("complete hello"));
    ann.act(ask("own")).await;
    assert!(ann.seen().await.last().unwrap().contains("CONTENT_FLAGGED"));
    let profile = Some("{\"likes\":\"a bomb\"}".into());
    world.server.hub.user_update(&caller, UserChange { profile, ..UserChange::default() }).await.unwrap();
    ann.act(ask("guard")).await;
    assert!(ann.seen().await.last().unwrap().contains("CONTENT_FLAGGED"));
}
