//! Every event and answer of the domain as this dialect writes it, and what its frames ask, on both sides.

use super::worker::BrokerWorkers;
use super::{Broker, Dialect, Incoming, WorkerDialect};
use crate::dialect::samples::{at, changed, deleted, id, jobs, message, payloads, tool_call, turn_reply};
use crate::dialect::{Conversations, FromWorker, Greeting, Rooms};
use bytes::Bytes;
use parlor_domain::message::{Author, Confidence, Message, Reply as AiReply, Summary, TurnStatus, Usage};
use parlor_domain::ports::{About, BackendError, ContextMessage, Delta, Finish, Speaker, TurnRequest};
use parlor_domain::{
    Action, ConversationId, Correlation, ErrorCode, Event, EventBody, MessageId, Place, Position, Presence,
    Refusal, Reply, ReplyBody, TurnPart, TurnRef, UserId, WorkerAnswer, WorkerHello, WorkerOrder,
    WorkerReport, WorkerStatus, WorkerTask,
};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

fn turn() -> TurnRef {
    TurnRef { id: id(0x1002), conversation: id(1), in_reply_to: id(0x1001) }
}

fn ended(status: TurnStatus, refusal: Option<Refusal>) -> EventBody {
    EventBody::TurnEnded { message: Arc::new(message(2, Some(turn_reply(status)))), refusal }
}

fn summary() -> Summary {
    Summary { id: id(1), title: "Hello".into(), updated_at: at(), message_count: 2, last_seq: 2 }
}

#[test]
fn events_keep_their_shape() {
    let sure = AiReply { confidence: Confidence::new(0.95), ..turn_reply(TurnStatus::Complete) };
    let rich = Message { content_type: Some("markdown".into()), ..message(2, Some(sure)) };
    let unanswered = AiReply::unanswered(id(0x1001), TurnStatus::Failed);
    let note = Message { kind: "note".into(), client_id: None, ..message(3, None) };
    let typing = |who| EventBody::Typing { conversation: id(1), who, name: None, is_typing: true };
    let events = [
        EventBody::Message(Arc::new(message(1, None))),
        EventBody::MessageElsewhere(Arc::new(note)),
        EventBody::Message(Arc::new(rich)),
        EventBody::Message(Arc::new(message(2, Some(unanswered)))),
        EventBody::Changed(Arc::new(changed())),
        EventBody::Changed(Arc::new(deleted())),
        EventBody::Deleted(summary()),
        typing(Author::User(id(0x2000))),
        EventBody::TurnStarted(turn()),
        ended(TurnStatus::Complete, None),
        ended(TurnStatus::Interrupted, Some(Refusal::of(ErrorCode::AiUnavailable))),
        ended(TurnStatus::Failed, Some(Refusal::of(ErrorCode::AiCanisterUnavailable))),
        ended(TurnStatus::Failed, None),
    ];
    let write = |body| payloads(&Broker.event(&Event::new(None, body))) + "\n";
    insta::assert_snapshot!(events.into_iter().chain(jobs()).map(write).collect::<String>());
}

/// Clients of this dialect know whole replies and no rooms, and are told nothing else.
#[test]
fn what_other_dialects_have_is_not_told() {
    let (conversation, user): (ConversationId, UserId) = (id(1), id(0x2000));
    let there = Presence { user, name: "ann".into(), online: true };
    let delta = |part| EventBody::TurnDelta { turn: turn(), part, offset: 0, text: "lo".into(), at: at() };
    for body in [
        delta(TurnPart::Text),
        delta(TurnPart::Reasoning),
        EventBody::TurnToolCall { turn: turn(), call: tool_call() },
        EventBody::TurnRestarted { turn: turn(), attempt: 2 },
        EventBody::Updated(summary()),
        EventBody::Members { conversation, user, role: None, by: user },
        EventBody::Presence { conversation, changes: vec![there] },
        EventBody::Read { message: Arc::new(message(1, None)), reader: user, seq: 1, at: at() },
    ] {
        assert_eq!(Broker.event(&Event::new(None, body)), "");
    }
}

#[test]
fn answers_keep_their_shape() {
    let conversation: ConversationId = id(1);
    let event = Event::new(None, EventBody::Message(Arc::new(message(1, None))));
    let reply = |status| message(2, Some(turn_reply(status)));
    let bodies = [
        ReplyBody::Sent { event: Arc::clone(&event), duplicate: false },
        ReplyBody::Sent { event, duplicate: true },
        ReplyBody::Stopped { conversation, turn: Some(id(0x1002)), status: Some(TurnStatus::Stopped) },
        ReplyBody::Stopped { conversation, turn: None, status: None },
        ReplyBody::History {
            conversation,
            messages: vec![message(1, None), reply(TurnStatus::Failed)],
            has_more: true,
        },
        ReplyBody::Missed { message: Box::new(reply(TurnStatus::Interrupted)), is_change: false },
        ReplyBody::Missed { message: Box::new(deleted()), is_change: true },
        ReplyBody::Resumed { conversation, from_seq: 1, last_seq: 2, recovered: true, epoch: "e".into() },
        ReplyBody::Heads(vec![(conversation, 2)]),
        ReplyBody::Refused {
            refusal: Refusal::retry_after(ErrorCode::ChatRateLimitExceeded, Duration::from_millis(1_001)),
            conversation: Some(conversation),
        },
    ];
    let names = [
        Correlation::default(),
        Correlation { request_id: Some("r".into()), client_id: Some("c-1".into()), outside: false },
    ];
    let mut lines = payloads(&Broker.greeting(Greeting { connection: id(5), user: id(0x2000), now: at() }));
    for body in bodies {
        for correlation in &names {
            let reply = Reply { correlation: correlation.clone(), room: None, body: body.clone() };
            lines += &payloads(&Broker.reply(&reply));
        }
        lines.push('\n');
    }
    insta::assert_snapshot!(lines);
}

/// A stranger's thread and one that does not exist are refused in the same words, those of this dialect.
#[test]
fn a_foreign_thread_is_denied() {
    let refusal = Refusal::of(ErrorCode::ConversationNotFound);
    let body = ReplyBody::Refused { refusal, conversation: Some(id(1)) };
    let reply = Reply { correlation: Correlation::default(), room: None, body };
    let text = payloads(&Broker.reply(&reply));
    assert!(text.contains("THREAD_ACCESS_DENIED") && !text.contains("onversation"), "{text}");
}

fn decode(text: &str) -> (Action, Correlation) {
    let text = text.replace("THREAD", &id::<ConversationId>(1).to_string());
    match Broker.decode(&text) {
        Ok(Incoming::Command(command)) => (command.action, command.correlation),
        other => panic!("{text}: {other:?}"),
    }
}

/// What users send becomes what the domain is asked, names included.
#[test]
fn frames_become_commands() {
    let thread: ConversationId = id(1);
    let (action, names) = decode(
        r#"{"type":"send_message","thread_id":"THREAD","content":"Hi","content_type":"markdown",
            "client_message_id":"c","request_id":"r","model":"llama","restart":true}"#,
    );
    assert_eq!((names.client_id.as_deref(), names.request_id.as_deref()), (Some("c"), Some("r")));
    let Action::Send(draft) = action else { panic!("not a send") };
    assert_eq!((draft.place, draft.kind.as_str()), (Some(Place::Conversation(thread)), "user"));
    assert_eq!((draft.content_type.as_deref(), draft.client_id.as_deref()), (Some("markdown"), Some("c")));
    assert_eq!((draft.options.model.as_deref(), draft.options.restarts), (Some("llama"), true));

    let (action, _) =
        decode(r#"{"type":"send_message","thread_id":null,"content":"Hi","content_type":"text"}"#);
    let Action::Send(draft) = action else { panic!("not a send") };
    assert_eq!((draft.place, draft.content_type, draft.options.restarts), (None, None, false));

    let place = Place::Conversation(thread);
    let check = |text: &str, action: Action| assert_eq!(decode(text).0, action, "{text}");
    check(
        r#"{"type":"typing","thread_id":"THREAD","typing":true}"#,
        Action::Typing { place: place.clone(), is_typing: true },
    );
    check(
        r#"{"type":"cancel_message","thread_id":"THREAD"}"#,
        Action::Stop { place: place.clone(), turn: None },
    );
    check(
        r#"{"type":"resume","positions":[{"thread_id":"THREAD","seq":3,"epoch":"e"}]}"#,
        Action::Resume(vec![Position { place: place.clone(), seq: 3, epoch: Some("e".into()) }]),
    );
    check(
        r#"{"type":"history","thread_id":"THREAD","before_seq":9}"#,
        Action::History { place, before: Some(9), limit: 50 },
    );
    check(r#"{"type":"ping"}"#, Action::Heads);
}

/// This dialect's own limit on text is exact, and its refusal names the message.
#[test]
fn long_texts_are_refused() {
    let frame = |length: usize| {
        let content = "x".repeat(length);
        format!(r#"{{"type":"send_message","thread_id":null,"content":"{content}","client_message_id":"c"}}"#)
    };
    decode(&frame(10 * 1024));
    let refused = Broker.decode(&frame(10 * 1024 + 1)).unwrap_err();
    assert_eq!(refused.refusal.code, ErrorCode::InvalidMessageContent);
    assert_eq!(refused.correlation.client_id.as_deref(), Some("c"));
    let bad = Broker.decode(r#"{"type":"history","thread_id":"x","request_id":"r"}"#).unwrap_err();
    assert_eq!(
        (bad.refusal.code, bad.correlation.request_id.as_deref()),
        (ErrorCode::InvalidRequest, Some("r"))
    );
}

/// Only this dialect knows workers, and of their frames only `ai_auth` lets one in.
#[test]
fn only_ai_auth_makes_a_worker() {
    let auth = r#"{"type":"ai_auth","service_key":"k","canister_id":"c","models":["a*"],"capacity":3}"#;
    let hello = WorkerHello {
        service_key: "k".into(),
        name: "c".into(),
        models: vec!["a*".into()],
        capacity: NonZeroU32::new(3),
    };
    assert_eq!(Broker.decode(auth), Ok(Incoming::Worker(Ok(hello))));
    for capacity in ["0", "-1"] {
        let text = auth.replace('3', capacity);
        let Ok(Incoming::Worker(Err(refusal))) = Broker.decode(&text) else { panic!("{text}") };
        assert!(refusal.message.contains("`capacity`"), "{}", refusal.message);
    }
    let status = r#"{"type":"ai_status","status":"operational"}"#;
    assert_eq!(Broker.decode(status).unwrap_err().refusal.code, ErrorCode::Forbidden);
    for dialect in [&Conversations as &dyn Dialect, &Rooms] {
        assert_eq!(dialect.decode(auth).unwrap_err().refusal.code, ErrorCode::UnknownType);
        assert!(dialect.workers().is_none());
    }
}

fn report(text: &str) -> WorkerReport {
    let text = text.replace("TASK", &id::<MessageId>(0x1001).to_string());
    match BrokerWorkers.decode(&text) {
        Ok(FromWorker::Report(report)) => report,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> String {
    let text = text.replace("TASK", &id::<MessageId>(0x1001).to_string());
    payloads(&BrokerWorkers.decode(&text).unwrap_err())
}

/// A reply counts with all that is said of it, and in spite of what is odd about it.
#[test]
fn replies_become_reports() {
    let id: MessageId = id(0x1001);
    let text = r#"{"type":"ai_response","message_id":"TASK","response_content":"Hi","content_type":"markdown",
            "confidence_score":0.5,"model_used":"m","usage":{"prompt_tokens":1,"completion_tokens":2},
            "finish_reason":"length"}"#;
    let full = report(text);
    let usage = Usage { prompt_tokens: 1, completion_tokens: 2, estimated: false };
    let about = About { confidence: Confidence::new(0.5), content_type: Some("markdown".into()) };
    let raw = |text: &str| Delta::Raw(text.replace("TASK", &id.to_string()).into());
    let said = vec![
        raw(text),
        Delta::Usage(usage),
        Delta::Model("m".into()),
        Delta::About(about),
        Delta::End(Finish::Length),
    ];
    assert_eq!(full, WorkerReport::Done { id, content: "Hi".into(), pieces: said });

    let odd = format!(
        r#"{{"type":"ai_response","message_id":"TASK","confidence_score":1.5,"content_type":"{}",
            "finish_reason":"tired"}}"#,
        "x".repeat(65)
    );
    let said = vec![raw(&odd), Delta::About(About::default()), Delta::End(Finish::Stop)];
    assert_eq!(report(&odd), WorkerReport::Done { id, content: String::new(), pieces: said });
}

#[test]
fn pieces_become_reports() {
    let id: MessageId = id(0x1001);
    let all = report(
        r#"{"type":"ai_response_chunk","message_id":"TASK","delta":"Hi","reasoning":"Hm",
            "tool_call":{"index":0,"id":"call-1","name":"weather","arguments":"{"}}"#,
    );
    let pieces =
        vec![Delta::Reasoning("Hm".into()), Delta::Content("Hi".into()), Delta::ToolCall(tool_call())];
    assert_eq!(all, WorkerReport::Pieces { id, pieces });
    let nothing = report(r#"{"type":"ai_response_chunk","message_id":"TASK","delta":""}"#);
    assert_eq!(nothing, WorkerReport::Pieces { id, pieces: Vec::new() });
}

/// A worker's failure is like a provider's: its status tells whether to ask again.
#[test]
fn failures_become_reports() {
    let id: MessageId = id(0x1001);
    let plain = report(r#"{"type":"ai_error","message_id":"TASK","message":"broken"}"#);
    let error = BackendError::Status { status: 500, message: "broken".into(), retry_after: None };
    assert_eq!(plain, WorkerReport::Failed { id, error });
    let long = format!(
        r#"{{"type":"ai_error","message_id":"TASK","code":"busy","message":"{}","status":429,"retry_after":7}}"#,
        "\u{e9}".repeat(400)
    );
    let WorkerReport::Failed { error: BackendError::Status { status, message, retry_after }, .. } =
        report(&long)
    else {
        panic!("not a failure")
    };
    assert_eq!((status, retry_after), (429, Some(Duration::from_secs(7))));
    assert!(message.starts_with("busy: ") && message.len() <= 500, "{message}");
    let text = refused(r#"{"type":"ai_error","message_id":"TASK","message":"","status":200}"#);
    assert!(text.contains("INVALID_REQUEST") && text.contains("`status`"), "{text}");
}

/// Who is not operational, or has room for nothing, gets nothing new.
#[test]
fn a_status_tells_whether_and_how_much() {
    let check = |fields: &str, operational, queue_size, capacity| {
        let status = WorkerStatus { operational, queue_size, capacity: NonZeroU32::new(capacity) };
        let text = format!(r#"{{"type":"ai_status",{fields}}}"#);
        assert_eq!(report(&text), WorkerReport::Status(status), "{text}");
    };
    check(
        r#""status":"operational","queue_size":3,"processing_capacity":10,"uptime":"2h 15m""#,
        true,
        Some(3),
        10,
    );
    check(r#""status":"operational","uptime":8100"#, true, None, 0);
    check(r#""status":"operational","processing_capacity":0"#, false, None, 0);
    check(r#""status":"draining""#, false, None, 0);
}

/// A worker has no user's rights, and what it says wrongly it can find by its own id.
#[test]
fn bad_worker_frames_are_refused() {
    let check = |text: &str, code: ErrorCode, named: bool| {
        let answer = refused(text);
        assert!(answer.contains(code.as_str()), "{answer}");
        assert_eq!(answer.contains("message_id"), named, "{answer}");
    };
    check(r#"{"type":"send_message","content":"Hi"}"#, ErrorCode::Forbidden, false);
    check(r#"{"type":"auth","token":"t"}"#, ErrorCode::Forbidden, false);
    check(r#"{"type":"ai_auth","service_key":"k","canister_id":"c"}"#, ErrorCode::Forbidden, false);
    check(r#"{"type":"shout"}"#, ErrorCode::UnknownType, false);
    check("nonsense", ErrorCode::InvalidJson, false);
    check(r#"{"type":"ai_response","message_id":"TASK","usage":7}"#, ErrorCode::InvalidRequest, true);
    assert_eq!(BrokerWorkers.decode(r#"{"type":"ping"}"#), Ok(FromWorker::Ping));
}

fn task() -> WorkerTask {
    let piece = |speaker, text: &str| ContextMessage { at: Some(at()), ..ContextMessage::new(speaker, text) };
    let context = vec![
        ContextMessage::new(Speaker::System, "Be kind."),
        ContextMessage { name: Some("bob".into()), ..piece(Speaker::User, "Hi") },
        piece(Speaker::Assistant, "Hello!"),
        ContextMessage { extra: Some(r#"{"tool_call_id":"call-1"}"#.into()), ..piece(Speaker::Tool, "rain") },
        piece(Speaker::User, "And now?"),
    ];
    let request = TurnRequest {
        turn: id(0x1002),
        attempt: 2,
        conversation: id(1),
        in_reply_to: id(0x1001),
        model: Some("llama-3".into()),
        max_tokens: Some(100),
        temperature: Some(0.5),
        extra: Some(r#"{"stop":["\n"]}"#.into()),
        ..TurnRequest::new(id(0x2000), context)
    };
    WorkerTask { id: id(0x1003), request, at: at() }
}

#[test]
fn what_workers_get_keeps_its_shape() {
    let plain =
        TurnRequest { extra: None, model: None, max_tokens: None, temperature: None, ..task().request };
    let order = |order| BrokerWorkers.order(&order);
    let answer = |answer| BrokerWorkers.answer(&answer);
    let frames: [Bytes; 8] = [
        BrokerWorkers.welcome("canister-1", at()),
        order(WorkerOrder::Process(Box::new(WorkerTask { request: plain, ..task() }))),
        order(WorkerOrder::Process(Box::new(task()))),
        order(WorkerOrder::Cancel(id(0x1003))),
        answer(WorkerAnswer::Received { id: id(0x1003), turn: Some(id(0x1002)) }),
        answer(WorkerAnswer::Received { id: id(0x1003), turn: None }),
        answer(WorkerAnswer::Refused {
            id: Some(id(0x1003)),
            refusal: Refusal::of(ErrorCode::InvalidRequest),
        }),
        BrokerWorkers.pong(),
    ];
    insta::assert_snapshot!(frames.iter().map(payloads).collect::<String>());
}
