//! Every event and answer of the domain as this dialect writes it.

use super::{Conversations, Dialect, Incoming};
use bytes::Bytes;
use parlor_domain::message::{Author, Message, Reply as TurnReply, Summary, TurnStatus, Usage};
use parlor_domain::{
    Action, ConversationId, Correlation, ErrorCode, Event, EventBody, MessageId, Refusal, Reply, ReplyBody,
    Timestamp, TurnRef, UserId,
};
use std::sync::Arc;
use uuid::Uuid;

fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + number).into()
}

fn at() -> Timestamp {
    Timestamp::from_microsecond(1_704_067_200_000_000)
}

fn message(number: u128, reply: Option<TurnReply>) -> Message {
    Message {
        id: id(0x1000 + number),
        conversation: id(1),
        seq: u64::try_from(number).unwrap(),
        author: if reply.is_some() { Author::Assistant } else { Author::User(id(0x2000)) },
        kind: if reply.is_some() { "assistant".into() } else { "user".into() },
        content: "Hello".into(),
        client_id: reply.is_none().then(|| "c-1".into()),
        created_at: at(),
        reply,
    }
}

fn turn_reply(status: TurnStatus) -> TurnReply {
    let usage = Usage { prompt_tokens: 15, completion_tokens: 20, estimated: false };
    TurnReply { in_reply_to: id(0x1001), status, model: Some("gpt-4".into()), usage }
}

/// The payloads of the frames in `bytes`, a line each.
fn payloads(bytes: &Bytes) -> String {
    let (mut rest, mut lines) = (&bytes[..], String::new());
    while let [0x81, length, ..] = rest {
        let (start, length) = match length {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            short => (2, usize::from(*short)),
        };
        lines += std::str::from_utf8(&rest[start..start + length]).unwrap();
        lines.push('\n');
        rest = &rest[start + length..];
    }
    assert!(rest.is_empty(), "not a text frame: {rest:?}");
    lines
}

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
        EventBody::Updated(summary),
        EventBody::Typing { conversation, who: Author::User(user), is_typing: true },
        EventBody::TurnStarted(turn),
        EventBody::TurnDelta { turn, offset: 3, text: "lo".into() },
        ended(TurnStatus::Complete, None),
        ended(TurnStatus::Failed, Some(Refusal::of(ErrorCode::AiUnavailable))),
    ];
    let lines: String = events.iter().map(|event| payloads(&Conversations.event(event)) + "\n").collect();
    insta::assert_snapshot!(lines);
}

#[test]
fn answers_keep_their_shape() {
    let conversation: ConversationId = id(1);
    let turn: MessageId = id(0x1002);
    let event = Event::new(EventBody::Message(Arc::new(message(1, None))));
    let bodies = [
        ReplyBody::Joined { conversation, last_seq: 2, title: "Hello".into() },
        ReplyBody::Left { conversation },
        ReplyBody::Sent { event: Arc::clone(&event), duplicate: false },
        ReplyBody::Sent { event, duplicate: true },
        ReplyBody::Stopped { conversation, turn: Some(turn), status: Some(TurnStatus::Stopped) },
        ReplyBody::Stopped { conversation, turn: None, status: None },
        ReplyBody::History { conversation, messages: vec![message(1, None)], has_more: true },
        ReplyBody::Missed(Box::new(message(2, Some(turn_reply(TurnStatus::Interrupted))))),
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
            let reply = Reply { correlation: correlation.clone(), body: body.clone() };
            lines += &payloads(&Conversations.reply(&reply));
        }
        lines.push('\n');
    }
    insta::assert_snapshot!(lines);
}

/// The confirmation of a plain send is the very piece of memory that everybody else gets.
#[test]
fn a_plain_confirmation_shares_the_events_bytes() {
    let event = Event::new(EventBody::Message(Arc::new(message(1, None))));
    let shared = event.encoded(Conversations.slot(), |body| Conversations.event(body)).clone();
    let body = ReplyBody::Sent { event, duplicate: false };
    let reply = Conversations.reply(&Reply { correlation: Correlation::default(), body });
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
    assert_eq!(command.action, Action::Typing { conversation: room, is_typing: true });
    assert_eq!(
        command.correlation,
        Correlation { request_id: Some("r".into()), client_id: None, outside: true }
    );
    let command = decode(
        r#"{"type":"send_message","data":{"conversation_id":"ROOM","content":"x","client_message_id":"c"}}"#,
    );
    assert_eq!(command.correlation.client_id.as_deref(), Some("c"));
    let Action::Send(draft) = command.action else { panic!("not a send") };
    assert_eq!((draft.conversation, draft.kind.as_str()), (Some(room), "user"));
    let command = decode(r#"{"type":"history","data":{"conversation_id":"ROOM"}}"#);
    assert_eq!(command.action, Action::History { conversation: room, before: None, limit: 50 });
    for limit in [0, 201] {
        let text = format!(r#"{{"type":"history","data":{{"conversation_id":"{room}","limit":{limit}}}}}"#);
        assert_eq!(Conversations.decode(&text).unwrap_err().refusal.code, ErrorCode::InvalidRequest);
    }
}
