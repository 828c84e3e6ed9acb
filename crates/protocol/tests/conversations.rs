//! The wire shape of every frame of the `conversations` dialect, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails may panic")]

use parlor_protocol::conversations::*;
use parlor_protocol::metadata::{Attachment, Citation, FileRef, Score};
use parlor_protocol::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use std::borrow::Cow;
use uuid::Uuid;

fn conversation() -> ConversationId {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001).into()
}

fn message_id(number: u128) -> MessageId {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_1000 + number).into()
}

fn user() -> UserId {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_2000).into()
}

fn at() -> Timestamp {
    Timestamp::from_microsecond(1_704_067_200_123_456)
}

/// Every client frame, so that a new one without a line here does not compile.
fn client_frames() -> Vec<ClientFrame> {
    let conversation_id = conversation();
    let reference = ConversationRef { conversation_id };
    let all = vec![
        ClientFrame::Auth { token: "a.b.c".to_owned() },
        ClientFrame::JoinConversation(reference.clone()),
        ClientFrame::LeaveConversation(reference),
        ClientFrame::SendMessage(SendMessage {
            conversation_id: Some(conversation_id),
            content: "Hello \"AI\"\n\u{1f600}".to_owned(),
            message_type: "user".to_owned(),
            client_message_id: Some("c-1".to_owned()),
            assistant_id: Some("gpt-4".to_owned()),
            restart: Some(true),
            attachments: Some(vec![FileRef::Object { file_id: attachment().file_id }]),
        }),
        ClientFrame::StreamResponse(StreamResponse {
            conversation_id,
            message_id: message_id(1),
            assistant_id: None,
            restart: None,
        }),
        ClientFrame::StopResponse(StopResponse { conversation_id, message_id: Some(message_id(2)) }),
        ClientFrame::Typing(Typing { conversation_id, is_typing: true }),
        ClientFrame::Resume(Resume {
            positions: vec![Position { conversation_id, seq: 41, epoch: Some("e".to_owned()) }],
        }),
        ClientFrame::History(History { conversation_id, before_seq: Some(10), limit: Some(2) }),
        ClientFrame::Ping,
    ];
    for frame in &all {
        match frame {
            ClientFrame::Auth { .. }
            | ClientFrame::JoinConversation(_)
            | ClientFrame::LeaveConversation(_)
            | ClientFrame::SendMessage(_)
            | ClientFrame::StreamResponse(_)
            | ClientFrame::StopResponse(_)
            | ClientFrame::Typing(_)
            | ClientFrame::Resume(_)
            | ClientFrame::History(_)
            | ClientFrame::Ping => {}
        }
    }
    all
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

#[expect(clippy::too_many_lines, reason = "one value of each kind")]
fn server_frames() -> Vec<ServerFrame<'static>> {
    let conversation_id = conversation();
    let echo = || Echo { request_id: Some("r-1".into()), client_message_id: None };
    let message = Message {
        id: message_id(1),
        conversation_id,
        seq: 1,
        content: "Hello".into(),
        message_type: "user".into(),
        sender_id: user().to_string().into(),
        created_at: at(),
        client_message_id: Some("c-1".into()),
        status: None,
        in_reply_to: None,
        model: None,
        assistant: None,
        edited_at: None,
        deleted: false,
        reactions: Vec::new(),
        citations: Vec::new(),
        attachments: vec![attachment()],
    };
    let answer = Message {
        id: message_id(2),
        seq: 2,
        message_type: ASSISTANT.into(),
        sender_id: ASSISTANT.into(),
        client_message_id: None,
        status: Some("complete".into()),
        in_reply_to: Some(message_id(1)),
        model: Some("gpt-4".into()),
        citations: vec![citation()],
        attachments: Vec::new(),
        assistant: Some("chef".into()),
        ..message.clone()
    };
    vec![
        ServerFrame::ConversationJoined(ConversationJoined {
            conversation_id,
            last_seq: 2,
            title: "Hello".into(),
            echo: echo(),
        }),
        ServerFrame::ConversationLeft(ConversationLeft { conversation_id, echo: Echo::default() }),
        ServerFrame::MessageReceived(MessageEvent {
            message: message.clone(),
            duplicate: true,
            request_id: Some("r-1".into()),
        }),
        ServerFrame::MessageAdded(MessageEvent {
            message: answer.clone(),
            duplicate: false,
            request_id: None,
        }),
        ServerFrame::ConversationUpdated(ConversationUpdated {
            conversation: Conversation {
                id: conversation_id,
                title: "Hello".into(),
                updated_at: at(),
                message_count: 2,
                last_seq: 2,
                deleted: false,
            },
        }),
        ServerFrame::MessageUpdated(MessageUpdated {
            message: Message {
                edited_at: Some(at()),
                deleted: true,
                reactions: vec![Reaction { emoji: "+1".into(), count: 2, user_ids: vec![user()] }],
                ..message.clone()
            },
            seq: 3,
            echo: echo(),
        }),
        ServerFrame::TypingIndicator(TypingIndicator {
            conversation_id,
            user_id: ASSISTANT.into(),
            is_typing: true,
        }),
        ServerFrame::StreamStart(StreamStart {
            message_id: message_id(2),
            conversation_id,
            in_reply_to: message_id(1),
        }),
        ServerFrame::StreamContent(StreamContent {
            message_id: message_id(2),
            content: "Hel".into(),
            is_complete: false,
            offset: 0,
        }),
        ServerFrame::StreamReasoning(StreamReasoning {
            message_id: message_id(2),
            content: "Hm".into(),
            offset: 0,
            conversation_id,
        }),
        ServerFrame::ToolCall(ToolCall {
            message_id: message_id(2),
            index: 0,
            id: Some("call-1".into()),
            name: Some("weather".into()),
            arguments: "{".into(),
            conversation_id,
        }),
        ServerFrame::StreamRestart(StreamRestart { message_id: message_id(2), attempt: 2, conversation_id }),
        ServerFrame::StreamComplete(StreamComplete {
            message_id: message_id(2),
            conversation_id,
            usage: Usage { prompt_tokens: 15, completion_tokens: 20, total_tokens: 35 },
            status: "complete".into(),
            model: Some("gpt-4".into()),
            seq: 2,
            citations: vec![citation()],
            assistant: Some("chef".into()),
        }),
        ServerFrame::ResponseStopped(ResponseStopped {
            conversation_id,
            message_id: Some(message_id(2)),
            status: Some("stopped".into()),
            echo: echo(),
        }),
        ServerFrame::History(HistoryPage {
            conversation_id,
            messages: vec![message, answer],
            has_more: false,
            echo: echo(),
        }),
        ServerFrame::Resumed(Resumed {
            conversation_id,
            from_seq: 1,
            last_seq: 2,
            recovered: true,
            epoch: "e".into(),
            echo: Echo::default(),
        }),
        ServerFrame::Pong(Pong { heads: [(conversation_id, 2)].into(), echo: Echo::default() }),
        ServerFrame::Error(Error {
            code: ErrorCode::RateLimit,
            message: Cow::Borrowed(ErrorCode::RateLimit.meaning()),
            retry_after: Some(60),
            incident: None,
            conversation_id: None,
            message_id: None,
            echo: Echo { request_id: None, client_message_id: Some("c-1".into()) },
        }),
    ]
}

fn lines<T: serde::Serialize>(frames: &[T]) -> String {
    frames.iter().map(|frame| serde_json::to_string(frame).unwrap() + "\n").collect()
}

/// What clients send keeps its shape, and is understood again.
#[test]
fn client_frames_keep_their_shape() {
    let frames = client_frames();
    insta::assert_snapshot!(lines(&frames));
    for frame in frames {
        let text = serde_json::to_string(&frame).unwrap();
        assert_eq!(ClientFrame::parse(&text).unwrap().frame, frame, "{text}");
    }
}

/// What clients get keeps its shape, and a client that uses this crate understands it.
#[test]
fn server_frames_keep_their_shape() {
    let frames = server_frames();
    insta::assert_snapshot!(format!(
        "{}\n{}",
        serde_json::to_string(&AuthSuccess { user_id: user() }).unwrap(),
        lines(&frames)
    ));
    for frame in frames {
        let text = serde_json::to_string(&frame).unwrap();
        let read: ServerFrame<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}

/// The two tables that clients are written against.
#[test]
fn codes_keep_their_meaning() {
    let errors = ErrorCode::ALL
        .iter()
        .map(|code| format!("{code} {} retry:{} {}\n", code.http_status(), code.retryable(), code.meaning()));
    let closes = parlor_protocol::CloseCode::ALL.iter().map(|code| {
        format!("{} {} reconnect:{} {}\n", code.as_u16(), code.reason(), code.may_reconnect(), code.meaning())
    });
    insta::assert_snapshot!(errors.chain(closes).collect::<String>());
}

/// Bad input is refused with the right code, and with the names that could be read in it.
#[test]
fn bad_frames_are_refused_with_their_names() {
    let check = |text: &str, code: ErrorCode, request_id: Option<&str>| {
        let error = ClientFrame::parse(text).expect_err(text);
        assert_eq!(
            (error.code, error.request_id.as_deref()),
            (code, request_id),
            "{text}: {}",
            error.message
        );
    };
    check("", ErrorCode::InvalidJson, None);
    check("[1,2]", ErrorCode::InvalidJson, None);
    check("\"text\"", ErrorCode::InvalidJson, None);
    check("{\"type\":\"ping\"", ErrorCode::InvalidJson, None);
    check(&"[".repeat(100_000), ErrorCode::InvalidJson, None);
    check("{}", ErrorCode::InvalidRequest, None);
    check(r#"{"type":7}"#, ErrorCode::InvalidRequest, None);
    check(r#"{"type":"shout","request_id":"r"}"#, ErrorCode::UnknownType, Some("r"));
    check(r#"{"type":"auth"}"#, ErrorCode::InvalidRequest, None);
    check(r#"{"type":"join_conversation"}"#, ErrorCode::InvalidRequest, None);
    check(
        r#"{"type":"join_conversation","data":{"conversation_id":123,"request_id":"r"}}"#,
        ErrorCode::InvalidRequest,
        Some("r"),
    );
    check(
        r#"{"type":"send_message","data":{"conversation_id":null,"content":["x"]}}"#,
        ErrorCode::InvalidRequest,
        None,
    );
    check(
        r#"{"type":"history","data":{"conversation_id":"01930000-0000-7000-8000-000000000001","limit":-1}}"#,
        ErrorCode::InvalidRequest,
        None,
    );
    let named = r#"{"type":"send_message","data":{"client_message_id":"c-9"}}"#;
    assert_eq!(ClientFrame::parse(named).unwrap_err().client_message_id.as_deref(), Some("c-9"));
}

/// What a client of another version adds is ignored.
#[test]
fn unknown_fields_are_ignored() {
    let text = r#"{"type":"send_message","id":5,"data":{"content":"x","colour":"red"},"request_id":"r"}"#;
    let incoming = ClientFrame::parse(text).unwrap();
    assert_eq!((incoming.request_id.as_deref(), incoming.request_id_outside), (Some("r"), true));
    let ClientFrame::SendMessage(data) = incoming.frame else { panic!("another frame") };
    assert_eq!((data.conversation_id, data.message_type.as_str()), (None, "user"));
}
