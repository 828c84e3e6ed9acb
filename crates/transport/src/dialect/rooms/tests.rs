//! Every event and answer of the domain as this dialect writes it, and what its frames ask.

use super::{Dialect, Incoming, Rooms};
use crate::dialect::Greeting;
use crate::dialect::samples::{
    at, changed, deleted, file, id, jobs, message, payloads, room, tool_call, turn_reply,
};
use parlor_domain::message::{Author, Message, Summary, TurnStatus};
use parlor_domain::room::{AiMode, MemberRole, Room, RoomKind};
use parlor_domain::{
    Action, Command, ConversationId, Correlation, ErrorCode, Event, EventBody, Place, Presence, Refusal,
    Reply, ReplyBody, RoomAction, RoomDraft, RoomJoined, TurnOptions, TurnPart, TurnRef, UploadReply, UserId,
};
use std::sync::Arc;
use std::time::Duration;

fn presence(number: u128, online: bool) -> Presence {
    Presence { user: id(0x2000 + number), name: "bob".into(), online }
}

fn events() -> Vec<EventBody> {
    let (conversation, user): (ConversationId, UserId) = (id(1), id(0x2000));
    let turn = TurnRef { id: id(0x1002), conversation, in_reply_to: id(0x1001) };
    let ended = |status, refusal| EventBody::TurnEnded {
        message: Arc::new(message(2, Some(turn_reply(status)))),
        refusal,
    };
    let free = Message { kind: "note".into(), author_name: None, client_id: None, ..message(3, None) };
    let typing = |who, name| EventBody::Typing { conversation, who, name, is_typing: true };
    vec![
        EventBody::Message(Arc::new(message(1, None))),
        EventBody::Message(Arc::new(free)),
        EventBody::MessageElsewhere(Arc::new(message(2, Some(turn_reply(TurnStatus::Stopped))))),
        EventBody::Changed(Arc::new(changed())),
        EventBody::Changed(Arc::new(deleted())),
        EventBody::Deleted(Summary {
            id: conversation,
            title: "Hello".into(),
            updated_at: at(),
            message_count: 2,
            last_seq: 2,
        }),
        EventBody::Members { conversation, user, role: Some(MemberRole::Moderator), by: id(0x2001) },
        EventBody::Members { conversation, user, role: None, by: id(0x2001) },
        EventBody::File(Arc::new(file())),
        EventBody::Presence { conversation, changes: vec![presence(1, true)] },
        EventBody::Presence { conversation, changes: vec![presence(1, true), presence(2, false)] },
        typing(Author::User(user), Some("ann".into())),
        typing(Author::Assistant, None),
        EventBody::Read { message: Arc::new(message(1, None)), reader: id(0x2001), seq: 2, at: at() },
        EventBody::ReadElsewhere { conversation: message(1, None).conversation, seq: 2 },
        EventBody::TurnStarted(turn),
        EventBody::TurnDelta { turn, part: TurnPart::Text, offset: 3, text: "lo".into(), at: at() },
        EventBody::TurnDelta { turn, part: TurnPart::Reasoning, offset: 2, text: "Hm".into(), at: at() },
        EventBody::TurnToolCall { turn, call: tool_call() },
        EventBody::TurnRestarted { turn, attempt: 2 },
        ended(TurnStatus::Complete, None),
        ended(TurnStatus::Failed, Some(Refusal::of(ErrorCode::AiUnavailable))),
    ]
    .into_iter()
    .chain(jobs())
    .collect()
}

/// Each event, in a room and in a conversation that is none.
#[test]
fn events_keep_their_shape() {
    let write = |room, body| payloads(&Rooms.event(&Event::new(room, body)));
    let lines =
        events().into_iter().map(|body| write(Some(room()), body.clone()) + &write(None, body) + "\n");
    insta::assert_snapshot!(lines.collect::<String>());
}

/// A client hears of every message by itself: summaries would tell it twice.
#[test]
fn summaries_are_not_told() {
    let summary =
        Summary { id: id(1), title: String::new(), updated_at: at(), message_count: 1, last_seq: 1 };
    assert_eq!(Rooms.event(&Event::new(Some(room()), EventBody::Updated(summary))), "");
}

fn joined() -> RoomJoined {
    RoomJoined {
        conversation: id(1),
        room: Room { id: room(), kind: RoomKind::Shared, ai_mode: None },
        title: "My Chat Room".into(),
        role: MemberRole::Owner,
        joined_at: at(),
        last_seq: 2,
        participants: vec![id(0x2000), id(0x2001)],
        participant_count: 2,
        online: vec![id(0x2000)],
    }
}

fn answers() -> Vec<ReplyBody> {
    let conversation: ConversationId = id(1);
    let sent = Event::new(Some(room()), EventBody::Message(Arc::new(message(1, None))));
    let change = Event::new(Some(room()), EventBody::Changed(Arc::new(changed())));
    let member = |role| ReplyBody::Member { conversation, user: id(0x2001), role };
    vec![
        ReplyBody::RoomJoined(Box::new(joined())),
        ReplyBody::RoomLeft { conversation },
        ReplyBody::RoomDeleted { conversation },
        member(Some(MemberRole::Member)),
        member(None),
        ReplyBody::Sent { event: Arc::clone(&sent), duplicate: false },
        ReplyBody::Sent { event: sent, duplicate: true },
        ReplyBody::Changed { event: change, changed: true },
        ReplyBody::Stopped { conversation, turn: Some(id(0x1002)), status: Some(TurnStatus::Stopped) },
        ReplyBody::Stopped { conversation, turn: None, status: None },
        ReplyBody::History { conversation, messages: vec![message(1, None), deleted()], has_more: true },
        ReplyBody::Missed {
            message: Box::new(message(2, Some(turn_reply(TurnStatus::Interrupted)))),
            is_change: false,
        },
        ReplyBody::Missed { message: Box::new(changed()), is_change: true },
        ReplyBody::Replayed { message: Box::new(message(1, None)), is_change: false },
        ReplyBody::Replayed { message: Box::new(changed()), is_change: true },
        ReplyBody::Synced { incomplete: Vec::new() },
        ReplyBody::Synced { incomplete: vec![conversation] },
        ReplyBody::Resumed { conversation, from_seq: 1, last_seq: 2, recovered: true, epoch: "e".into() },
        ReplyBody::Upload(UploadReply::Ready { file: id(0x5000), chunk_size: 1_048_576, total: 3 }),
        ReplyBody::Upload(UploadReply::Chunk { file: id(0x5000), index: 2, received: 1, total: 3 }),
        ReplyBody::Upload(UploadReply::Status { file: Box::new(file()), missing: vec![0, 1], total: 3 }),
        ReplyBody::Upload(UploadReply::Finished(Box::new(file()))),
        ReplyBody::Heads(vec![(conversation, 2)]),
        ReplyBody::Refused {
            refusal: Refusal::retry_after(ErrorCode::RateLimit, Duration::from_millis(1_001)),
            conversation: Some(conversation),
        },
    ]
}

/// Each answer: to a nameless request about no room, to one with all names about a room, and with its id beside.
#[test]
fn answers_keep_their_shape() {
    let named = Correlation { request_id: Some("r".into()), client_id: Some("msg-1".into()), outside: false };
    let outside = Correlation { outside: true, ..named.clone() };
    let cases = [(None, Correlation::default()), (Some(room()), named), (Some(room()), outside)];
    let mut lines = String::new();
    for body in answers() {
        for (room, correlation) in cases.clone() {
            lines += &payloads(&Rooms.reply(&Reply { correlation, room, body: body.clone() }));
        }
        lines.push('\n');
    }
    insta::assert_snapshot!(lines);
}

/// What a connection gets beside events and answers.
#[test]
fn the_connections_own_frames_keep_their_shape() {
    let greeting = Rooms.greeting(Greeting { connection: id(0x4000), user: id(0x2000), now: at() });
    let heartbeat = Rooms.heartbeat(at(), vec![(id(1), 2)]).unwrap();
    let reconnect = Rooms.reconnect(Duration::from_millis(1_234)).unwrap();
    insta::assert_snapshot!([greeting, heartbeat, reconnect].iter().map(payloads).collect::<String>());
}

/// The answer to a change without a name is the very piece of memory that everybody else gets.
#[test]
fn a_plain_change_shares_the_events_bytes() {
    let event = Event::new(Some(room()), EventBody::Changed(Arc::new(changed())));
    let shared = event.encoded(Rooms.slot(), |event| Rooms.event(event)).clone();
    let body = ReplyBody::Changed { event, changed: true };
    let reply = Rooms.reply(&Reply { correlation: Correlation::default(), room: Some(room()), body });
    assert_eq!(reply.as_ptr(), shared.as_ptr());
}

fn decode(text: &str) -> Command {
    match Rooms.decode(text) {
        Ok(Incoming::Command(command)) => command,
        other => panic!("{text}: {other:?}"),
    }
}

/// The frame that clients in the field send: what they leave null is absent, and their id is the message's.
#[test]
fn a_chat_becomes_a_draft() {
    let command = decode(
        r#"{"type":"chat","data":{"message":"Hi","conversation_id":null,"model_preference":"gpt-4",
            "temperature":1,"restart":true},"room_id":"room-123","message_id":"msg-1"}"#,
    );
    assert_eq!(command.correlation.client_id.as_deref(), Some("msg-1"));
    let Action::Send(draft) = command.action else { panic!("not a send") };
    assert_eq!((draft.place, draft.client_id.as_deref()), (Some(Place::Room(room())), Some("msg-1")));
    let options = TurnOptions {
        model: Some("gpt-4".into()),
        temperature: Some(1.0),
        restarts: true,
        ..TurnOptions::default()
    };
    assert_eq!((draft.kind.as_str(), draft.options), ("user", options));

    let lonely = decode(r#"{"type":"chat","data":{"message":"Hi","conversation_id":null},"room_id":null}"#);
    let Action::Send(draft) = lonely.action else { panic!("not a send") };
    assert_eq!((draft.place, draft.options), (None, TurnOptions::default()));
}

/// A client that knows a room's conversation may name both.
#[test]
fn a_room_counts_before_a_conversation() {
    let conversation: ConversationId = id(1);
    let text = format!(r#"{{"type":"read","data":{{"conversation_id":"{conversation}","seq":4}}}}"#);
    assert_eq!(decode(&text).action, Action::Read { place: conversation.into(), seq: 4 });
    let both = text.replace("\"seq\"", "\"room_id\":\"room-123\",\"seq\"");
    assert_eq!(decode(&both).action, Action::Read { place: room().into(), seq: 4 });
}

/// In `edit`, `stop` and their like, the id in the data is what they are about, and the one beside it is the
/// request's name.
#[test]
fn targets_and_names_are_told_apart() {
    let command = decode(
        r#"{"type":"stop","data":{"message_id":"01930000-0000-7000-8000-000000001002"},"room_id":"room-123",
            "message_id":"req-9"}"#,
    );
    assert_eq!(command.action, Action::Stop { place: room().into(), turn: Some(id(0x1002)) });
    assert_eq!(command.correlation.client_id.as_deref(), Some("req-9"));
}

/// A client that is in no room says so to nobody, and is not blamed for it.
#[test]
fn typing_without_a_place_asks_nothing() {
    let text = r#"{"type":"typing","data":{"is_typing":true,"room_id":null}}"#;
    assert_eq!(Rooms.decode(text), Ok(Incoming::Nothing));
}

/// What the domain could not know is refused here, with the request's name.
#[test]
fn bad_requests_are_refused_by_name() {
    let check = |kind: &str, data: &str, code| {
        let frame = format!(r#"{{"type":"{kind}","data":{data},"request_id":"r"}}"#);
        let refused = Rooms.decode(&frame).unwrap_err();
        let answer = (refused.refusal.code, refused.correlation.request_id.as_deref());
        assert_eq!(answer, (code, Some("r")), "{frame}");
    };
    let invalid = ErrorCode::InvalidRequest;
    check("join_room", "{}", invalid);
    check("join_room", r#"{"room_id":"a","room_type":"secret"}"#, invalid);
    check("join_room", r#"{"room_id":"a","ai_mode":"loud"}"#, invalid);
    check("join_room", r#"{"room_id":"no spaces"}"#, invalid);
    check("history", r#"{"room_id":"a","limit":201}"#, invalid);
    check("history", r#"{"limit":1}"#, invalid);
    check("resume", r#"{"positions":[{"seq":1}]}"#, invalid);
    let owner = format!(r#"{{"room_id":"a","user_id":"{}","role":"owner"}}"#, id::<UserId>(1));
    check("add_member", &owner, invalid);
    check("file_upload", r#"{"upload_type":"init"}"#, invalid);
    check("file_upload", r#"{"upload_type":"more"}"#, invalid);
    check("chat", r#"{"message":"x","attachments":["f"]}"#, ErrorCode::InvalidRequest);
}

fn opening(query: &[(&str, &str)]) -> Vec<Result<Action, ErrorCode>> {
    let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let asked = Rooms.opening(&query).into_iter();
    asked.map(|asked| asked.map(|command| command.action).map_err(|refusal| refusal.code)).collect()
}

/// The upgrade brings what was missed, and then the room; a bad room leaves the rest as it is.
#[test]
fn the_query_asks_for_what_was_missed_and_for_the_room() {
    let room = |kind, ai_mode| {
        let name = Some("My Chat Room".to_owned());
        Action::Room(RoomAction::Enter(RoomDraft { id: room(), name, kind, ai_mode, assistant: None }))
    };
    let named = [("token", "t"), ("room_id", "room-123"), ("room_name", "My Chat Room")];
    assert_eq!(opening(&[("token", "t"), ("room_id", "")]), [Ok(Action::Sync)]);
    assert_eq!(opening(&[("resume", "1")]), [Ok(Action::Hold)]);
    assert_eq!(opening(&named), [Ok(Action::Sync), Ok(room(None, None))]);
    let group = [&named[..], &[("room_type", "group"), ("ai_mode", "off"), ("resume", "1")]].concat();
    assert_eq!(opening(&group), [Ok(Action::Hold), Ok(room(Some(RoomKind::Group), Some(AiMode::Off)))]);
    let odd = [&named[..], &[("room_type", "secret")]].concat();
    assert_eq!(opening(&odd), [Ok(Action::Sync), Err(ErrorCode::InvalidRequest)]);
}
