//! The wire shape of every frame of the `broker` dialect, of users and of workers, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails may panic")]

use parlor_protocol::broker::*;
use parlor_protocol::metadata::{Attachment, Citation, Score};
use parlor_protocol::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

fn uuid<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + number).into()
}

fn thread() -> ConversationId {
    uuid(1)
}

fn message_id(number: u128) -> MessageId {
    uuid(0x1000 + number)
}

fn user() -> UserId {
    uuid(0x2000)
}

fn at() -> Timestamp {
    Timestamp::from_microsecond(1_704_067_200_123_000)
}

fn user_frames() -> Vec<UserFrame> {
    let thread_id = thread();
    vec![
        UserFrame::Auth(Auth { token: "a.b.c".to_owned() }),
        UserFrame::SendMessage(SendMessage {
            thread_id: Some(thread_id),
            content: "Hello \"AI\"\n\u{1f600}".to_owned(),
            content_type: Some("markdown".to_owned()),
            client_message_id: Some("c-1".to_owned()),
            model: Some("llama".to_owned()),
            restart: Some(true),
        }),
        UserFrame::SendMessage(SendMessage { content: "Hello".to_owned(), ..SendMessage::default() }),
        UserFrame::Typing(Typing { thread_id, typing: true }),
        UserFrame::CancelMessage(CancelMessage { thread_id, response_id: Some(message_id(2)) }),
        UserFrame::CancelMessage(CancelMessage { thread_id, response_id: None }),
        UserFrame::Resume(Resume {
            positions: vec![Position { thread_id, seq: 41, epoch: Some("e".to_owned()) }],
        }),
        UserFrame::History(History { thread_id, before_seq: Some(10), limit: Some(2) }),
        UserFrame::Ping,
    ]
}

fn worker_frames() -> Vec<WorkerFrame> {
    let message_id = message_id(1);
    vec![
        WorkerFrame::AiAuth(AiAuth {
            service_key: "key".to_owned(),
            canister_id: "canister-1".to_owned(),
            models: Some(vec!["llama-*".to_owned()]),
            capacity: Some(4),
        }),
        WorkerFrame::AiResponse(WorkerResponse {
            message_id,
            thread_id: Some(thread()),
            user_id: Some(user()),
            response_content: "Hello!".to_owned(),
            content_type: Some(TEXT.to_owned()),
            processing_time_ms: Some(1500.0),
            confidence_score: Some(0.95),
            model_used: Some("llama-3".to_owned()),
            usage: Some(TokenCount { prompt_tokens: 15, completion_tokens: 20 }),
            finish_reason: Some("stop".to_owned()),
        }),
        WorkerFrame::AiResponseChunk(AiResponseChunk {
            message_id,
            delta: Some("Hel".to_owned()),
            reasoning: Some("Hm".to_owned()),
            tool_call: Some(ToolCallPiece {
                index: 0,
                id: Some("call-1".to_owned()),
                name: Some("weather".to_owned()),
                arguments: "{".to_owned(),
            }),
        }),
        WorkerFrame::AiError(AiError {
            message_id,
            code: Some("overloaded".to_owned()),
            message: "no room".to_owned(),
            status: Some(503),
            retry_after: Some(2),
        }),
        WorkerFrame::AiStatus(AiStatus {
            status: OPERATIONAL.to_owned(),
            queue_size: Some(3),
            processing_capacity: Some(10),
            uptime: Some(json!("2h 15m")),
        }),
        WorkerFrame::Ping,
    ]
}

fn message() -> Message<'static> {
    Message {
        message_id: message_id(1),
        thread_id: thread(),
        user_id: user().to_string().into(),
        content: "Hello".into(),
        content_type: TEXT.into(),
        client_message_id: Some("c-1".into()),
        message_type: None,
        seq: 1,
        timestamp: at(),
        deleted: false,
        edited_at: None,
        attachments: vec![attachment()],
    }
}

fn attachment() -> Attachment<'static> {
    Attachment {
        file_id: "0193a1b2-c3d4-7000-8000-00000000f11e".parse().unwrap(),
        name: "tides.png".into(),
        mime_type: "image/png".into(),
        size: 4_096,
    }
}

fn citation() -> Citation<'static> {
    Citation {
        number: 1,
        document_id: "0193a1b2-c3d4-7000-8000-000000000d0c".parse().unwrap(),
        title: "Tides".into(),
        chunk: 3,
        excerpt: "The tide…".into(),
        score: Score::from_millionths(423_001),
    }
}

fn response() -> AiResponse<'static> {
    AiResponse {
        message_id: message_id(1),
        thread_id: thread(),
        response_id: message_id(2),
        response_content: "Hello!".into(),
        content_type: TEXT.into(),
        processing_time_ms: 1500,
        confidence_score: Some(0.95),
        model_used: Some("llama-3".into()),
        status: "complete".into(),
        seq: 2,
        usage: Usage { prompt_tokens: 15, completion_tokens: 20, total_tokens: 35 },
        generated_by: Some("canister-1".into()),
        assistant: Some("chef".into()),
        timestamp: at(),
        deleted: false,
        edited_at: None,
        citations: vec![citation()],
    }
}

fn error() -> Error<'static> {
    Error {
        code: ErrorCode::AiCanisterUnavailable,
        message: ErrorCode::AiCanisterUnavailable.meaning().into(),
        retry_after: Some(5),
        incident: None,
        message_id: Some(message_id(1).to_string().into()),
        thread_id: Some(thread()),
        client_message_id: None,
        request_id: None,
        response_id: Some(message_id(2)),
        seq: Some(2),
    }
}

fn server_frames() -> Vec<ServerFrame<'static>> {
    let thread_id = thread();
    let request_id = Some("r-1".into());
    vec![
        ServerFrame::AuthSuccess(AuthSuccess { user_id: user() }),
        ServerFrame::MessageAck(MessageAck {
            message_id: message_id(1),
            thread_id,
            client_message_id: None,
            seq: 1,
            timestamp: at(),
            duplicate: true,
            request_id: request_id.clone(),
        }),
        ServerFrame::AiResponse(Box::new(response())),
        ServerFrame::AiResponse(Box::new(AiResponse {
            confidence_score: None,
            model_used: None,
            generated_by: None,
            assistant: None,
            status: "failed".into(),
            ..response()
        })),
        ServerFrame::Typing(TypingIndicator { thread_id, user_id: ASSISTANT.into(), typing: true }),
        ServerFrame::Message(Box::new(message())),
        ServerFrame::MessageUpdated(Box::new(MessageUpdated {
            thread_id,
            message: Entry::Message(Box::new(Message {
                message_type: Some("note".into()),
                deleted: true,
                edited_at: Some(at()),
                ..message()
            })),
            seq: 3,
        })),
        ServerFrame::ThreadDeleted(ThreadDeleted { thread_id }),
        ServerFrame::MessageCancelled(MessageCancelled {
            thread_id,
            response_id: Some(message_id(2)),
            status: Some("stopped".into()),
            request_id: request_id.clone(),
        }),
        ServerFrame::History(HistoryPage {
            thread_id,
            messages: vec![Entry::Message(Box::new(message())), Entry::AiResponse(Box::new(response()))],
            has_more: false,
            request_id: request_id.clone(),
        }),
        ServerFrame::Resumed(Resumed {
            thread_id,
            from_seq: 1,
            last_seq: 2,
            recovered: true,
            epoch: "e".into(),
            request_id: request_id.clone(),
        }),
        ServerFrame::Pong(Pong { heads: [(thread_id, 2)].into(), request_id }),
        ServerFrame::Error(error()),
    ]
}

fn order_frames() -> Vec<OrderFrame<'static>> {
    let piece = |role: &'static str, content: &'static str| ContextPiece {
        role: role.into(),
        content: content.into(),
        content_type: TEXT.into(),
        timestamp: Some(at()),
        name: None,
        options: None,
    };
    let options = json!({"stop": ["\n"]}).as_object().cloned();
    vec![
        OrderFrame::AiAuthSuccess(AiAuthSuccess {
            canister_id: "canister-1".into(),
            status: "authenticated".into(),
            capabilities: vec!["streaming".into()],
            timestamp: at(),
        }),
        OrderFrame::ProcessMessage(Box::new(ProcessMessage {
            message_id: message_id(1),
            thread_id: thread(),
            user_id: user(),
            content: "Hello".into(),
            content_type: TEXT.into(),
            conversation_context: vec![
                ContextPiece { timestamp: None, ..piece("system", "Be kind.") },
                ContextPiece { name: Some("ann".into()), options: options.clone(), ..piece("user", "Hello") },
            ],
            timestamp: at(),
            priority: "normal".into(),
            response_id: message_id(2),
            attempt: 1,
            in_reply_to: message_id(1),
            model: Some("llama-3".into()),
            max_tokens: Some(100),
            temperature: Some(0.5),
            options,
        })),
        OrderFrame::AiResponseAck(AiResponseAck {
            message_id: message_id(1),
            response_id: Some(message_id(2)),
        }),
        OrderFrame::AiResponseAck(AiResponseAck { message_id: message_id(1), response_id: None }),
        OrderFrame::CancelMessage(OrderCancel { message_id: message_id(1) }),
        OrderFrame::Pong,
        OrderFrame::Error(error()),
    ]
}

fn lines<T: serde::Serialize>(frames: &[T]) -> String {
    frames.iter().map(|frame| serde_json::to_string(frame).unwrap() + "\n").collect()
}

/// What users and workers send keeps its shape, and is understood again as it was meant.
#[test]
fn frames_to_the_server_keep_their_shape() {
    let (users, workers) = (user_frames(), worker_frames());
    insta::assert_snapshot!(lines(&users) + "\n" + &lines(&workers));
    for frame in users {
        let text = serde_json::to_string(&frame).unwrap();
        assert_eq!(UserFrame::parse(&text).unwrap().frame, frame, "{text}");
    }
    for frame in workers {
        let text = serde_json::to_string(&frame).unwrap();
        assert_eq!(WorkerFrame::parse(&text).unwrap(), frame, "{text}");
    }
}

/// What users get keeps its shape, and a client that uses this crate understands it as it was meant.
#[test]
fn frames_to_users_keep_their_shape() {
    let frames = server_frames();
    insta::assert_snapshot!(lines(&frames));
    for frame in frames {
        let text = serde_json::to_string(&frame).unwrap();
        assert_eq!(serde_json::from_str::<ServerFrame<'_>>(&text).unwrap(), frame, "{text}");
    }
}

/// What workers get keeps its shape, and a worker that uses this crate understands it as it was meant.
#[test]
fn frames_to_workers_keep_their_shape() {
    let frames = order_frames();
    insta::assert_snapshot!(lines(&frames));
    for frame in frames {
        let text = serde_json::to_string(&frame).unwrap();
        assert_eq!(serde_json::from_str::<OrderFrame<'_>>(&text).unwrap(), frame, "{text}");
    }
}

/// Each type is read on its own side and is forbidden on the other, but `ping`, which is both sides'.
#[test]
fn each_side_has_its_own_types() {
    let kind_of = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["type"].clone();
    let check = |text: &str, kinds: &[&str], other: Option<ErrorCode>| {
        let kind = kind_of(text);
        assert!(kinds.contains(&kind.as_str().unwrap()), "{text}");
        assert_eq!(other, (kind != "ping").then_some(ErrorCode::Forbidden), "{text}");
    };
    for frame in user_frames() {
        let text = serde_json::to_string(&frame).unwrap();
        check(&text, UserFrame::KINDS, WorkerFrame::parse(&text).err().map(|error| error.code));
    }
    for frame in worker_frames() {
        let text = serde_json::to_string(&frame).unwrap();
        check(&text, WorkerFrame::KINDS, UserFrame::parse(&text).err().map(|error| error.code));
    }
}

/// Bad input of users is refused with the right code, and with the names that could be read in it.
#[test]
fn bad_user_frames_are_refused_with_their_names() {
    let check = |text: &str, code: ErrorCode, name: Option<&str>| {
        let error = UserFrame::parse(text).expect_err(text);
        let names = error.client_message_id.as_deref().or(error.request_id.as_deref());
        assert_eq!((error.code, names), (code, name), "{text}: {}", error.message);
        assert!(error.message.len() < 1_000, "a stranger's text is not repeated at any length");
    };
    check("", ErrorCode::InvalidJson, None);
    check("[1,2]", ErrorCode::InvalidJson, None);
    check("{\"type\":\"ping\"", ErrorCode::InvalidJson, None);
    check("{}", ErrorCode::InvalidRequest, None);
    check(r#"{"type":7}"#, ErrorCode::InvalidRequest, None);
    check(r#"{"type":"shout","request_id":"r"}"#, ErrorCode::UnknownType, Some("r"));
    check(r#"{"type":"ping","request_id":5}"#, ErrorCode::InvalidRequest, None);
    check(r#"{"type":"ai_auth","service_key":"k"}"#, ErrorCode::Forbidden, None);
    check(r#"{"type":"auth"}"#, ErrorCode::InvalidRequest, None);
    check(r#"{"type":"send_message","client_message_id":"c"}"#, ErrorCode::InvalidRequest, Some("c"));
    check(
        r#"{"type":"send_message","content":"x","thread_id":"123","client_message_id":"c"}"#,
        ErrorCode::InvalidRequest,
        Some("c"),
    );
    let long = format!(r#"{{"type":"typing","thread_id":"{}","typing":true}}"#, "x".repeat(5_000));
    check(&long, ErrorCode::InvalidRequest, None);
}

/// A worker's number that cannot be is refused by its name, so that its author finds it.
#[test]
fn bad_worker_fields_are_refused_by_name() {
    let id = message_id(1);
    let check = |field: &str, text: String| {
        let error = WorkerFrame::parse(&text).expect_err(&text);
        assert_eq!(error.code, ErrorCode::InvalidRequest);
        assert!(error.message.contains(&format!("`{field}`")), "{text}: {}", error.message);
    };
    check("capacity", r#"{"type":"ai_auth","service_key":"k","canister_id":"c","capacity":-1}"#.to_owned());
    check("models", r#"{"type":"ai_auth","service_key":"k","canister_id":"c","models":"m"}"#.to_owned());
    check("queue_size", r#"{"type":"ai_status","status":"operational","queue_size":1e10}"#.to_owned());
    check(
        "processing_capacity",
        r#"{"type":"ai_status","status":"operational","processing_capacity":"x"}"#.to_owned(),
    );
    check("status", format!(r#"{{"type":"ai_error","message_id":"{id}","message":"","status":70000}}"#));
    check(
        "index",
        format!(r#"{{"type":"ai_response_chunk","message_id":"{id}","tool_call":{{"index":-1}}}}"#),
    );
    check(
        "prompt_tokens",
        format!(r#"{{"type":"ai_response","message_id":"{id}","usage":{{"prompt_tokens":99999999999}}}}"#),
    );
    check("message_id", r#"{"type":"ai_response","message_id":"user_msg_1"}"#.to_owned());
    let named = WorkerFrame::parse(r#"{"type":"ai_response","message_id":"m"}"#).unwrap_err();
    assert_eq!(named.message_id.as_deref(), Some("m"));
}

/// A worker of another make adds fields, leaves some out, says null, and counts time in fractions: its reply counts.
#[test]
fn harmless_oddities_are_accepted() {
    let id = message_id(1);
    let text = format!(
        r#"{{"type":"ai_response","message_id":"{id}","response_content":"x","processing_time_ms":12.5,"thread_id":null,
            "confidence_score":7,"model_used":null,"usage":{{"prompt_tokens":1,"total_tokens":2}},"colour":"red"}}"#
    );
    let WorkerFrame::AiResponse(response) = WorkerFrame::parse(&text).unwrap() else {
        panic!("another frame")
    };
    assert_eq!((response.message_id, response.confidence_score), (id, Some(7.0)));
    assert_eq!(response.usage, Some(TokenCount { prompt_tokens: 1, completion_tokens: 0 }));
    let text = r#"{"type":"send_message","content":"x","thread_id":null,"data":7,"request_id":"r"}"#;
    let incoming = UserFrame::parse(text).unwrap();
    assert_eq!(incoming.request_id.as_deref(), Some("r"));
    let message = SendMessage { content: "x".to_owned(), ..SendMessage::default() };
    assert_eq!(incoming.frame, UserFrame::SendMessage(message));
}

proptest! {
    /// Whatever a worker says piece by piece, it is understood as it was meant.
    #[test]
    fn any_chunk_is_understood(
        delta in proptest::option::of(".*"),
        reasoning in proptest::option::of(".{0,40}"),
        arguments in ".{0,40}",
        index in any::<u32>(),
    ) {
        let chunk = AiResponseChunk {
            message_id: message_id(1),
            delta,
            reasoning,
            tool_call: Some(ToolCallPiece { index, arguments, ..ToolCallPiece::default() }),
        };
        let text = serde_json::to_string(&WorkerFrame::AiResponseChunk(chunk.clone())).unwrap();
        prop_assert_eq!(WorkerFrame::parse(&text).unwrap(), WorkerFrame::AiResponseChunk(chunk));
    }

    /// Whatever text comes, the answer is a frame or a refusal, and never a panic.
    #[test]
    fn any_text_is_read_or_refused(kind in "[a-z_]{0,16}", fields in ".{0,60}") {
        for text in [format!(r#"{{"type":"{kind}",{fields}}}"#), fields] {
            let refusals = [UserFrame::parse(&text).err(), WorkerFrame::parse(&text).err()];
            for error in refusals.into_iter().flatten() {
                prop_assert!((400..=403).contains(&error.code.http_status()), "{}", error.code);
            }
        }
    }
}
