//! The wire shape of every frame of the `sessions` dialect, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails may panic")]

use parlor_protocol::metadata::{Citation, FileRef, Score};
use parlor_protocol::sessions::*;
use parlor_protocol::{ConversationId, ErrorCode, Json, MessageId, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

fn uuid<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + number).into()
}

fn session() -> ConversationId {
    uuid(1)
}

fn message_id(number: u128) -> MessageId {
    uuid(0x1000 + number)
}

fn client_frames() -> Vec<ClientFrame> {
    vec![
        ClientFrame::Ask(Ask { message: "Hello \"AI\"\n\u{1f600}".to_owned(), ..Ask::default() }),
        ClientFrame::Ask(Ask {
            message: "Hello".to_owned(),
            message_type: Some("fitness_plan".to_owned()),
            session_id: Some(session()),
            context: Some(Json::object(r#"{"z":1.0,"a":[1e3]}"#).unwrap()),
            stream: Some(true),
            client_message_id: Some("c-1".to_owned()),
            attachments: Some(vec![FileRef::Id("0193a1b2-c3d4-7000-8000-00000000f11e".parse().unwrap())]),
        }),
        ClientFrame::Auth(Auth { token: "a.b.c".to_owned() }),
        ClientFrame::Ping,
    ]
}

fn message() -> Message<'static> {
    Message {
        message: "Hi!".into(),
        session_id: session(),
        user_id: uuid(0x2000),
        timestamp: Timestamp::from_microsecond(1_704_067_200_123_000),
        message_type: "fitness_plan".into(),
        data: Data {
            raw_events: Vec::new(),
            response_time_ms: 1_234,
            status: "complete".into(),
            message_id: message_id(2),
            in_reply_to: message_id(1),
            model: None,
            assistant: None,
            usage: Usage { prompt_tokens: 15, completion_tokens: 20, total_tokens: 35 },
            raw_events_omitted: None,
            citations: Vec::new(),
        },
        client_message_id: None,
        request_id: None,
    }
}

fn error() -> Error<'static> {
    Error {
        code: ErrorCode::RateLimit,
        message: "slow down".into(),
        retry_after: None,
        incident: None,
        session_id: None,
        message_id: None,
        in_reply_to: None,
        client_message_id: None,
        request_id: None,
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

fn server_frames() -> Vec<ServerFrame<'static>> {
    let data = Data {
        raw_events: vec![Json::new(r#"{"z":1.0,"a":null}"#), Json::new("1e3")],
        model: Some("gpt-4".into()),
        assistant: Some("chef".into()),
        raw_events_omitted: Some(3),
        citations: vec![citation()],
        ..message().data
    };
    let (client_message_id, request_id) = (Some("c-1".into()), Some("r".into()));
    vec![
        ServerFrame::Connected,
        ServerFrame::Typing,
        ServerFrame::Chunk(Chunk {
            content: "Hi".into(),
            session_id: session(),
            message_id: message_id(2),
            offset: 0,
        }),
        ServerFrame::Message(Box::new(message())),
        ServerFrame::Message(Box::new(Message {
            data,
            client_message_id: client_message_id.clone(),
            request_id: request_id.clone(),
            ..message()
        })),
        ServerFrame::Pong(Pong::default()),
        ServerFrame::Pong(Pong { request_id: request_id.clone() }),
        ServerFrame::Error(error()),
        ServerFrame::Error(Error {
            retry_after: Some(7),
            incident: Some("i".into()),
            session_id: Some(session()),
            message_id: Some(message_id(2)),
            in_reply_to: Some(message_id(1)),
            client_message_id,
            request_id,
            ..error()
        }),
    ]
}

fn lines<T: serde::Serialize>(frames: &[T]) -> String {
    frames.iter().map(|frame| serde_json::to_string(frame).unwrap() + "\n").collect()
}

/// What clients send keeps its shape, and is understood again as it was meant.
#[test]
fn client_frames_keep_their_shape() {
    let frames = client_frames();
    insta::assert_snapshot!(lines(&frames));
    for frame in frames {
        let text = serde_json::to_string(&frame).unwrap();
        assert_eq!(ClientFrame::parse(&text).unwrap().frame, frame, "{text}");
    }
}

/// What clients get keeps its shape, raw events to the letter, and a client that uses this crate understands it.
#[test]
fn server_frames_keep_their_shape() {
    let frames = server_frames();
    insta::assert_snapshot!(lines(&frames));
    for frame in frames {
        let text = serde_json::to_string(&frame).unwrap();
        assert_eq!(ServerFrame::parse(&text).unwrap(), Some(frame), "{text}");
    }
    assert_eq!(ServerFrame::parse(r#"{"type":"news"}"#).unwrap(), None);
}

/// Bad input is refused with the right code, by the name of the field, and with the names that could be read in it.
#[test]
fn bad_frames_are_refused_with_their_names() {
    let check = |text: &str, code: ErrorCode, field: &str, name: Option<&str>| {
        let error = ClientFrame::parse(text).expect_err(text);
        let names = error.client_message_id.as_deref().or(error.request_id.as_deref());
        assert_eq!((error.code, names), (code, name), "{text}: {}", error.message);
        assert!(error.message.contains(field), "{text}: {}", error.message);
        assert!(error.message.len() < 1_000, "a stranger's text is not repeated at any length");
    };
    let (json, request) = (ErrorCode::InvalidJson, ErrorCode::InvalidRequest);
    check("", json, "object", None);
    check(r#"["Hello"]"#, json, "object", None);
    check(r#"{"message":"x""#, json, "", None);
    check("{}", request, "`message`", None);
    check(r#"{"type":7,"message":"x"}"#, request, "", None);
    check(
        r#"{"type":"message","message":"x","request_id":"r"}"#,
        ErrorCode::UnknownType,
        "`message`",
        Some("r"),
    );
    check(r#"{"message":"x","request_id":5}"#, request, "`request_id`", None);
    check(r#"{"message":5,"client_message_id":"c"}"#, request, "`message`", Some("c"));
    check(r#"{"message":"x","client_message_id":5}"#, request, "`client_message_id`", None);
    check(r#"{"message":"x","session_id":"123"}"#, request, "`session_id`", None);
    check(r#"{"message":"x","stream":"yes"}"#, request, "`stream`", None);
    check(r#"{"message":"x","message_type":[]}"#, request, "`message_type`", None);
    for context in ["[]", "\"x\"", "1", &("[".repeat(40) + &"]".repeat(40))] {
        check(&format!(r#"{{"message":"x","context":{context}}}"#), request, "`context`", None);
    }
    let deep = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    check(&format!(r#"{{"message":"x","context":{deep}}}"#), request, "`context`", None);
    check(r#"{"type":"auth"}"#, request, "`token`", None);
}

/// Clients of other makes say null, and say more than we know.
#[test]
fn harmless_oddities_are_accepted() {
    let text = r#"{"type":null,"message":"x","session_id":null,"context":null,"stream":null,"message_type":null,
        "data":[1],"colour":"red","request_id":"r"}"#;
    let incoming = ClientFrame::parse(text).unwrap();
    assert_eq!(incoming.request_id.as_deref(), Some("r"));
    let ask = Ask { message: "x".to_owned(), ..Ask::default() };
    assert_eq!(incoming.frame, ClientFrame::Ask(ask));
}

/// Protects logs: a token is in no `Debug` form.
#[test]
fn debug_shows_no_token() {
    let auth = Auth { token: "secret".to_owned() };
    assert!(!format!("{:?}", ClientFrame::Auth(auth)).contains("secret"));
}

proptest! {
    /// Whatever a client asks is understood as it was meant, its context to the letter.
    #[test]
    fn any_request_is_understood(
        message in ".*",
        message_type in proptest::option::of(".{0,40}"),
        stream in proptest::option::of(any::<bool>()),
        field in ".{0,20}",
        number in any::<f64>(),
    ) {
        let context = serde_json::json!({field: number}).to_string();
        let context = Some(Json::object(context).unwrap());
        let ask = Ask { message, message_type, stream, context, ..Ask::default() };
        let text = serde_json::to_string(&ClientFrame::Ask(ask.clone())).unwrap();
        prop_assert_eq!(ClientFrame::parse(&text).unwrap().frame, ClientFrame::Ask(ask));
    }

    /// Whatever text comes, the answer is a frame or a refusal, and never a panic.
    #[test]
    fn any_text_is_read_or_refused(kind in "[a-z_]{0,8}", fields in ".{0,60}") {
        for text in [format!(r#"{{"type":"{kind}",{fields}}}"#), format!(r#"{{"context":{fields}}}"#), fields] {
            if let Err(error) = ClientFrame::parse(&text) {
                prop_assert_eq!(error.code.http_status(), 400, "{}", error.code);
            }
        }
    }
}
