//! Every event and answer of the domain as this dialect writes it.

use super::{Conversations, Dialect, Incoming};
use crate::dialect::samples::{at, changed, deleted, id, jobs, message, payloads, tool_call, turn_reply};
use parlor_domain::message::{Author, Summary, TurnStatus};
use parlor_domain::{
    Action, ConversationId, Correlation, ErrorCode, Event, EventBody, MessageId, Place, Presence, Refusal,
    Reply, ReplyBody, TurnPart, TurnRef, UserId,
};
use std::sync::Arc;

#[test]
fn events_keep_their_shape() {
    let turn = TurnRef { id: id(0x1002), conversation: id(1), in_reply_to: id(0x1001) };
    let ended = |status, refusal| EventBody::TurnEnded {
        message: Arc::new(message(2, Some(turn_reply(status)))),
        refusal,
    };
    let summary =
        Summary { id: id(1), title: "Hello".into(), updated_at: at(), message_count: 2, last_seq: 2 };
    let user: UserId = id(0x2000);
    let conversation: ConversationId = id(1);
    let events = [
        EventBody::Message(Arc::new(message(1, None))),
        EventBody::MessageElsewhere(Arc::new(message(2, Some(turn_reply(TurnStatus::Stopped))))),
        EventBody::Changed(Arc::new(changed())),
        EventBody::Changed(Arc::new(deleted())),
        EventBody::Updated(summary.clone()),
        EventBody::Deleted(summary),
        EventBody::Typing {
            conversation,
            who: Author::User(user),
            name: Some("ann".into()),
            is_typing: true,
        },
        EventBody::TurnStarted(turn),
        EventBody::TurnDelta { turn, part: TurnPart::Text, offset: 3, text: "lo".into(), at: at() },
        EventBody::TurnDelta { turn, part: TurnPart::Reasoning, offset: 2, text: "Hm".into(), at: at() },
        EventBody::TurnToolCall { turn, call: tool_call() },
        EventBody::TurnRestarted { turn, attempt: 2 },
        ended(TurnStatus::Complete, None),
        ended(TurnStatus::Failed, Some(Refusal::of(ErrorCode::AiUnavailable))),
    ];
    let write = |body| payloads(&Conversations.event(&Event::new(None, body))) + "\n";
    insta::assert_snapshot!(events.into_iter().chain(jobs()).map(write).collect::<String>());
}

/// Clients of this dialect know nothing of rooms, and are told nothing of them.
#[test]
fn what_only_rooms_have_is_not_told() {
    let (conversation, user): (ConversationId, UserId) = (id(1), id(0x2000));
    let there = Presence { user, name: "ann".into(), online: true };
    for body in [
        EventBody::Members { conversation, user, role: None, by: user },
        EventBody::Presence { conversation, changes: vec![there] },
        EventBody::Read { message: Arc::new(message(1, None)), reader: user, seq: 1, at: at() },
    ] {
        assert_eq!(Conversations.event(&Event::new(None, body)), "");
    }
}

#[test]
fn answers_keep_their_shape() {
    let conversation: ConversationId = id(1);
    let turn: MessageId = id(0x1002);
    let event = Event::new(None, EventBody::Message(Arc::new(message(1, None))));
    let change = Event::new(None, EventBody::Changed(Arc::new(changed())));
    let bodies = [
        ReplyBody::Joined { conversation, last_seq: 2, title: "Hello".into() },
        ReplyBody::Left { conversation },
        ReplyBody::Sent { event: Arc::clone(&event), duplicate: false },
        ReplyBody::Sent { event, duplicate: true },
        ReplyBody::Stopped { conversation, turn: Some(turn), status: Some(TurnStatus::Stopped) },
        ReplyBody::Stopped { conversation, turn: None, status: None },
        ReplyBody::History { conversation, messages: vec![message(1, None)], has_more: true },
        ReplyBody::Changed { event: change, changed: true },
        ReplyBody::Missed {
            message: Box::new(message(2, Some(turn_reply(TurnStatus::Interrupted)))),
            is_change: false,
        },
        ReplyBody::Missed { message: Box::new(deleted()), is_change: true },
        ReplyBody::Resumed { conversation, from_seq: 1, last_seq: 2, recovered: true, epoch: "e".into() },
        ReplyBody::Heads(vec![(conversation, 2)]),
        ReplyBody::Refused {
            refusal: Refusal::retry_after(ErrorCode::RateLimit, std::time::Duration::from_millis(1_001)),
            conversation: Some(conversation),
        },
    ];
    let names = [
        Correlation::default(),
        Correlation { request_id: Some("r".into()), client_id: Some("c-1".into()), outside: false },
        Correlation { request_id: Some("r".into()), client_id: None, outside: true },
    ];
    let mut lines = String::new();
    for body in bodies {
        for correlation in &names {
            let reply = Reply { correlation: correlation.clone(), room: None, body: body.clone() };
            lines += &payloads(&Conversations.reply(&reply));
        }
        lines.push('\n');
    }
    insta::assert_snapshot!(lines);
}

/// The confirmation of a plain send is the very piece of memory that everybody else gets.
#[test]
fn a_plain_confirmation_shares_the_events_bytes() {
    let event = Event::new(None, EventBody::Message(Arc::new(message(1, None))));
    let shared = event.encoded(Conversations.slot(), |event| Conversations.event(event)).clone();
    let body = ReplyBody::Sent { event, duplicate: false };
    let reply = Conversations.reply(&Reply { correlation: Correlation::default(), room: None, body });
    assert_eq!(reply.as_ptr(), shared.as_ptr());
}

/// What clients send becomes what the domain is asked, names included.
#[test]
fn frames_become_commands() {
    let room: ConversationId = id(1);
    let decode = |data: &str| {
        let text = data.replace("ROOM", &room.to_string());
        match Conversations.decode(&text) {
            Ok(Incoming::Command(command)) => command,
            other => panic!("{text}: {other:?}"),
        }
    };
    let command = decode(r#"{"type":"typing_start","data":{"conversation_id":"ROOM"},"request_id":"r"}"#);
    assert_eq!(command.action, Action::Typing { place: room.into(), is_typing: true });
    assert_eq!(
        command.correlation,
        Correlation { request_id: Some("r".into()), client_id: None, outside: true }
    );
    let command = decode(
        r#"{"type":"send_message","data":{"conversation_id":"ROOM","content":"x","client_message_id":"c"}}"#,
    );
    assert_eq!(command.correlation.client_id.as_deref(), Some("c"));
    let Action::Send(draft) = command.action else { panic!("not a send") };
    assert_eq!((draft.place, draft.kind.as_str()), (Some(Place::Conversation(room)), "user"));
    assert!(!draft.options.restarts);
    let command =
        decode(r#"{"type":"send_message","data":{"conversation_id":"ROOM","content":"x","restart":true}}"#);
    let Action::Send(draft) = command.action else { panic!("not a send") };
    assert!(draft.options.restarts);
    let command = decode(r#"{"type":"history","data":{"conversation_id":"ROOM"}}"#);
    assert_eq!(command.action, Action::History { place: room.into(), before: None, limit: 50 });
    for limit in [0, 201] {
        let text = format!(r#"{{"type":"history","data":{{"conversation_id":"{room}","limit":{limit}}}}}"#);
        assert_eq!(Conversations.decode(&text).unwrap_err().refusal.code, ErrorCode::InvalidRequest);
    }
}
