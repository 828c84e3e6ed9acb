//! Every event and answer of the domain as this dialect writes it, and what its frames ask.

use super::{Dialect, Incoming, Sessions};
use crate::dialect::Greeting;
use crate::dialect::samples::{at, changed, id, message, payloads, tool_call, turn_reply};
use parlor_domain::message::{Attached, Author, Message, Summary, TurnStatus};
use parlor_domain::{
    Action, ConversationId, Correlation, Draft, ErrorCode, Event, EventBody, Place, Presence, Refusal, Reply,
    ReplyBody, TurnOptions, TurnPart, TurnRef, UserId,
};
use std::sync::Arc;
use std::time::Duration;

fn turn() -> TurnRef {
    TurnRef { id: id(0x1002), conversation: id(1), in_reply_to: id(0x1001) }
}

fn delta(part: TurnPart, offset: u64) -> EventBody {
    EventBody::TurnDelta { turn: turn(), part, offset, text: "lo".into(), at: at() }
}

fn write(body: EventBody) -> String {
    payloads(&Sessions.event(&Event::new(None, body)))
}

#[test]
fn events_keep_their_shape() {
    let mut lines = payloads(&Sessions.greeting(Greeting { connection: id(5), user: id(0x2000), now: at() }));
    for body in [EventBody::TurnStarted(turn()), delta(TurnPart::Text, 0), delta(TurnPart::Text, 2)] {
        lines += &write(body);
    }
    insta::assert_snapshot!(lines);
}

/// Clients of this dialect know one request and its reply, and are told nothing else.
#[test]
fn what_other_dialects_have_is_not_told() {
    let (conversation, user): (ConversationId, UserId) = (id(1), id(0x2000));
    let stored = || Arc::new(message(1, None));
    let reply = || Arc::new(message(2, Some(turn_reply(TurnStatus::Complete))));
    let there = Presence { user, name: "ann".into(), online: true };
    let summary =
        || Summary { id: id(1), title: "Hello".into(), updated_at: at(), message_count: 2, last_seq: 2 };
    for body in [
        EventBody::Message(stored()),
        EventBody::MessageElsewhere(stored()),
        EventBody::Changed(Arc::new(changed())),
        EventBody::Updated(summary()),
        EventBody::Deleted(summary()),
        EventBody::Members { conversation, user, role: None, by: user },
        EventBody::Presence { conversation, changes: vec![there] },
        EventBody::Typing { conversation, who: Author::Assistant, name: None, is_typing: true },
        EventBody::Read { message: stored(), reader: user, seq: 1, at: at() },
        EventBody::TurnRestarted { turn: turn(), attempt: 2 },
        EventBody::TurnToolCall { turn: turn(), call: tool_call() },
        delta(TurnPart::Reasoning, 0),
        EventBody::TurnEnded { message: reply(), refusal: None },
    ] {
        assert_eq!(write(body), "");
    }
}

fn answered(status: TurnStatus, refusal: Option<Refusal>) -> ReplyBody {
    let message = Arc::new(message(2, Some(turn_reply(status))));
    ReplyBody::Answered { message, user: id(0x2000), kind: "fitness_plan".into(), refusal }
}

fn silent(status: TurnStatus) -> ReplyBody {
    let message = Message { content: String::new(), ..message(2, Some(turn_reply(status))) };
    ReplyBody::Answered { message: Arc::new(message), user: id(0x2000), kind: "user".into(), refusal: None }
}

#[test]
fn answers_keep_their_shape() {
    let attached = Attached {
        raw_events: vec![r#"{"z":1.0,"a":null}"#.into(), "[DONE]".into()],
        raw_omitted: 3,
        ..Attached::default()
    };
    let reply = message(2, Some(turn_reply(TurnStatus::Complete)));
    let rich = Message { attached: Some(Box::new(attached)), ..reply };
    let bodies = [
        answered(TurnStatus::Complete, None),
        ReplyBody::Answered { message: Arc::new(rich), user: id(0x2000), kind: "user".into(), refusal: None },
        answered(TurnStatus::Stopped, None),
        answered(TurnStatus::Interrupted, Some(Refusal::of(ErrorCode::AiUnavailable))),
        answered(TurnStatus::Failed, Some(Refusal::of(ErrorCode::AiCanisterUnavailable))),
        answered(TurnStatus::Failed, None),
        silent(TurnStatus::Interrupted),
        silent(TurnStatus::Stopped),
        ReplyBody::Heads(Vec::new()),
        ReplyBody::Refused {
            refusal: Refusal::retry_after(ErrorCode::ChatRateLimitExceeded, Duration::from_millis(1_001)),
            conversation: Some(id(1)),
        },
        ReplyBody::Refused { refusal: Refusal::of(ErrorCode::ConversationNotFound), conversation: None },
    ];
    let names = [
        Correlation::default(),
        Correlation { request_id: Some("r".into()), client_id: Some("c-1".into()), outside: false },
    ];
    let mut lines = String::new();
    for body in bodies {
        for correlation in &names {
            let reply = Reply { correlation: correlation.clone(), room: None, body: body.clone() };
            lines += &payloads(&Sessions.reply(&reply));
        }
        lines.push('\n');
    }
    insta::assert_snapshot!(lines);
}

fn decode(text: &str) -> (Action, Correlation) {
    let text = text.replace("SESSION", &id::<ConversationId>(1).to_string());
    match Sessions.decode(&text) {
        Ok(Incoming::Command(command)) => (command.action, command.correlation),
        other => panic!("{text}: {other:?}"),
    }
}

/// What clients send becomes what the domain is asked, names included and the context to the letter.
#[test]
fn frames_become_commands() {
    let draft = Draft {
        place: None,
        content: "Hi".into(),
        kind: "user".into(),
        content_type: None,
        client_id: None,
        attachments: Vec::new(),
        options: TurnOptions { restarts: true, raw_events: true, ..TurnOptions::default() },
    };
    let plain = Action::Ask { draft: draft.clone(), pieces: false };
    assert_eq!(decode(r#"{"message":"Hi"}"#), (plain, Correlation::default()));

    let (action, names) = decode(
        r#"{"message":"Hi","message_type":"fitness_plan","session_id":"SESSION","context":{"z":1.0, "a":2},
            "stream":true,"client_message_id":"c","request_id":"r"}"#,
    );
    assert_eq!((names.client_id.as_deref(), names.request_id.as_deref()), (Some("c"), Some("r")));
    let context = Some(r#"{"z":1.0, "a":2}"#.into());
    let options = TurnOptions { restarts: false, context, ..draft.options };
    let (place, client_id) = (Some(Place::Conversation(id(1))), Some("c".into()));
    let draft = Draft { place, kind: "fitness_plan".into(), client_id, options, ..draft };
    assert_eq!(action, Action::Ask { draft, pieces: true });

    assert_eq!(decode(r#"{"type":"ping"}"#).0, Action::Heads);
    let auth = Sessions.decode(r#"{"type":"auth","token":"a.b.c"}"#);
    assert_eq!(auth, Ok(Incoming::Auth { token: "a.b.c".into() }));
}

/// A request that makes no sense can be found again by the names in it.
#[test]
fn bad_frames_are_refused_by_their_names() {
    let bad = Sessions.decode(r#"{"message":"Hi","session_id":"1","client_message_id":"c"}"#).unwrap_err();
    assert_eq!(
        (bad.refusal.code, bad.correlation.client_id.as_deref()),
        (ErrorCode::InvalidRequest, Some("c"))
    );
    let other = Sessions.decode(r#"{"type":"send_message","request_id":"r"}"#).unwrap_err();
    assert_eq!(
        (other.refusal.code, other.correlation.request_id.as_deref()),
        (ErrorCode::UnknownType, Some("r"))
    );
}
