//! The wire shape of every frame of the `rooms` dialect, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails may panic")]

use parlor_protocol::metadata::{Attachment, Citation, FileRef, Score};
use parlor_protocol::rooms::*;
use parlor_protocol::{ConversationId, ErrorCode, MessageId, RoomId, Timestamp, UserId};
use proptest::prelude::*;
use uuid::Uuid;

fn uuid<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + number).into()
}

fn conversation() -> ConversationId {
    uuid(1)
}

fn message_id(number: u128) -> MessageId {
    uuid(0x1000 + number)
}

fn user(number: u128) -> UserId {
    uuid(0x2000 + number)
}

fn room() -> RoomId {
    "room-123".parse().unwrap()
}

fn at() -> Timestamp {
    Timestamp::from_microsecond(1_704_067_200_123_000)
}

/// Every client frame, so that a new one without a line here does not compile.
fn client_frames() -> Vec<ClientFrame> {
    let (room_id, conversation_id) = (Some(room()), None);
    let all = vec![
        ClientFrame::Auth(Auth { token: "a.b.c".to_owned() }),
        ClientFrame::Chat(SendChat {
            message: "Hello \"AI\"\n\u{1f600}".to_owned(),
            room_id: room_id.clone(),
            conversation_id,
            message_id: Some("msg-1".to_owned()),
            model_preference: Some("gpt-4".to_owned()),
            system_prompt: Some("You are a helpful assistant".to_owned()),
            temperature: Some(0.5),
            max_tokens: Some(2048),
            restart: Some(true),
            attachments: Some(vec![FileRef::Id(attachment().file_id)]),
        }),
        ClientFrame::JoinRoom(JoinRoom {
            room_id: room_id.clone(),
            room_name: Some("My Chat Room".to_owned()),
            room_type: Some("private".to_owned()),
            ai_mode: Some("mention".to_owned()),
            assistant: Some("chef".to_owned()),
        }),
        ClientFrame::LeaveRoom(RoomRef { room_id: room_id.clone() }),
        ClientFrame::DeleteRoom(RoomRef { room_id: room_id.clone() }),
        ClientFrame::AddMember(AddMember {
            room_id: room_id.clone(),
            user_id: user(1),
            role: Some("moderator".to_owned()),
        }),
        ClientFrame::RemoveMember(RemoveMember { room_id: room_id.clone(), user_id: user(1) }),
        ClientFrame::Typing(SetTyping { room_id: room_id.clone(), conversation_id, is_typing: true }),
        ClientFrame::Read(Read { room_id: None, conversation_id: Some(conversation()), seq: 41 }),
        ClientFrame::History(History {
            room_id: room_id.clone(),
            conversation_id,
            before_seq: Some(10),
            limit: Some(2),
        }),
        ClientFrame::Edit(Edit { message_id: message_id(1), message: "Hello!".to_owned() }),
        ClientFrame::Delete(Delete { message_id: message_id(1) }),
        ClientFrame::React(React { message_id: message_id(1), emoji: "+1".to_owned(), remove: false }),
        ClientFrame::React(React { message_id: message_id(1), emoji: "+1".to_owned(), remove: true }),
        ClientFrame::Stop(Stop {
            room_id: room_id.clone(),
            conversation_id,
            message_id: Some(message_id(2)),
        }),
        ClientFrame::Regenerate(Regenerate { room_id: room_id.clone(), ..Regenerate::default() }),
        ClientFrame::Resume(Resume {
            positions: vec![Position { room_id, conversation_id, seq: 41, epoch: Some("e".to_owned()) }],
        }),
        ClientFrame::FileUpload(Upload::Init(UploadInit {
            file_name: "a.pdf".into(),
            file_size: 1_048_576,
            mime_type: "application/pdf".into(),
            room_id: Some("room-123".parse().unwrap()),
            conversation_id: None,
        })),
        ClientFrame::FileUpload(Upload::Chunk(UploadChunk {
            file_id: uuid(0x5000),
            chunk_index: 0,
            total_chunks: Some(10),
            chunk_data: "aGk=".into(),
        })),
        ClientFrame::FileUpload(Upload::Status(UploadRef { file_id: uuid(0x5000) })),
        ClientFrame::FileUpload(Upload::Finalize(UploadFinalize {
            file_id: uuid(0x5000),
            checksum: "00".into(),
        })),
        ClientFrame::Ping,
        ClientFrame::SubscribeLive,
        ClientFrame::UnsubscribeLive,
    ];
    for frame in &all {
        match frame {
            ClientFrame::Auth(_)
            | ClientFrame::Chat(_)
            | ClientFrame::JoinRoom(_)
            | ClientFrame::LeaveRoom(_)
            | ClientFrame::DeleteRoom(_)
            | ClientFrame::AddMember(_)
            | ClientFrame::RemoveMember(_)
            | ClientFrame::Typing(_)
            | ClientFrame::Read(_)
            | ClientFrame::History(_)
            | ClientFrame::Edit(_)
            | ClientFrame::Delete(_)
            | ClientFrame::React(_)
            | ClientFrame::Stop(_)
            | ClientFrame::Regenerate(_)
            | ClientFrame::Resume(_)
            | ClientFrame::FileUpload(_)
            | ClientFrame::Ping
            | ClientFrame::SubscribeLive
            | ClientFrame::UnsubscribeLive => {}
        }
    }
    all
}

fn question() -> ChatMessage<'static> {
    ChatMessage {
        role: "user".into(),
        content: "Hello".into(),
        streaming: false,
        conversation_id: conversation(),
        room_id: Some(room()),
        message_id: message_id(1),
        seq: 1,
        timestamp: at(),
        user_id: Some(user(0)),
        username: Some("ann".into()),
        client_message_id: Some("msg-1".into()),
        message_type: None,
        edited_at: Some(at()),
        deleted: false,
        reactions: vec![Reaction { emoji: "+1".into(), count: 2, user_ids: vec![user(0), user(1)] }],
        citations: Vec::new(),
        attachments: vec![attachment()],
        reply: None,
        replayed: true,
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

fn answer() -> ChatMessage<'static> {
    ChatMessage {
        role: ASSISTANT.into(),
        message_id: message_id(2),
        seq: 2,
        user_id: None,
        username: None,
        client_message_id: None,
        edited_at: None,
        reactions: Vec::new(),
        citations: vec![citation()],
        attachments: Vec::new(),
        replayed: false,
        reply: Some(ReplyFigures {
            done: true,
            in_reply_to: message_id(1),
            status: "complete".into(),
            tokens_used: 150,
            model_used: Some("gpt-4".into()),
            cost_usd: None,
            response_time: 2.5,
            assistant: Some("chef".into()),
        }),
        ..question()
    }
}

fn chunk() -> ChatChunk<'static> {
    ChatChunk {
        role: ASSISTANT.into(),
        content: "Hel".into(),
        streaming: true,
        conversation_id: conversation(),
        room_id: Some(room()),
        timestamp: at(),
        message_id: message_id(2),
        offset: 0,
    }
}

fn presence() -> Presence<'static> {
    let change = |number, status: &'static str| PresenceChange {
        user_id: user(number),
        username: "bob".into(),
        status: status.into(),
    };
    Presence {
        room_id: Some(room()),
        conversation_id: conversation(),
        first: change(1, "online"),
        changes: vec![change(1, "online"), change(2, "offline")],
    }
}

fn room_joined() -> RoomJoined<'static> {
    RoomJoined {
        room_id: room(),
        room_name: "My Chat Room".into(),
        room_type: "private".into(),
        participants: vec![user(0), user(1)],
        joined_at: at(),
        last_seq: 2,
        role: "owner".into(),
        ai_mode: "always".into(),
        conversation_id: conversation(),
        participant_count: 2,
        online: vec![user(0)],
        request_id: Some("r-1".into()),
    }
}

fn member(role: Option<&'static str>) -> MemberChanged<'static> {
    MemberChanged {
        room_id: Some(room()),
        conversation_id: conversation(),
        user_id: user(1),
        role: role.map(Into::into),
        request_id: None,
    }
}

fn member_event(role: Option<&'static str>) -> MemberEvent<'static> {
    MemberEvent {
        room_id: Some(room()),
        conversation_id: conversation(),
        user_id: user(1),
        role: role.map(Into::into),
        by: user(0),
    }
}

#[expect(clippy::too_many_lines, reason = "one value of each kind")]
fn server_bodies() -> Vec<ServerBody<'static>> {
    let (conversation_id, room_id) = (conversation(), Some(room()));
    let request_id = || Some("r-1".into());
    let named = RoomNamed { room_id: room_id.clone(), conversation_id, request_id: None };
    vec![
        ServerBody::Connect(Connect {
            connection_id: uuid(0x4000),
            status: "connected".into(),
            server_time: at(),
            user_id: user(0),
        }),
        ServerBody::System(System {
            heartbeat: true,
            server_time: Some(at()),
            heads: Some([(conversation_id, 2)].into()),
            ..System::default()
        }),
        ServerBody::System(System {
            event: Some("sync_complete".into()),
            incomplete: vec![conversation_id],
            ..System::default()
        }),
        ServerBody::System(System {
            event: Some("reconnect".into()),
            delay_ms: Some(1_234),
            ..System::default()
        }),
        ServerBody::Chat(Chat::Message(Box::new(question()))),
        ServerBody::Chat(Chat::Chunk(chunk())),
        ServerBody::Chat(Chat::Message(Box::new(answer()))),
        ServerBody::MessageUpdated(Box::new(MessageUpdated {
            message: question(),
            seq: 3,
            replayed: false,
            request_id: request_id(),
        })),
        ServerBody::DeliveryConfirmation(DeliveryConfirmation {
            message_id: "msg-1".into(),
            status: "delivered".into(),
            timestamp: at(),
            server_message_id: message_id(1),
            seq: 1,
            conversation_id,
            room_id: room_id.clone(),
            user_id: None,
            duplicate: true,
            request_id: request_id(),
        }),
        ServerBody::Typing(Typing {
            user_id: ASSISTANT.into(),
            username: ASSISTANT.into(),
            is_typing: true,
            conversation_id,
            room_id: room_id.clone(),
            message_id: Some(message_id(2)),
            in_reply_to: Some(message_id(1)),
        }),
        ServerBody::Presence(presence()),
        ServerBody::JoinRoom(Box::new(room_joined())),
        ServerBody::LeaveRoom(named.clone()),
        ServerBody::RoomDeleted(named),
        ServerBody::AddMember(member(Some("member"))),
        ServerBody::RemoveMember(member(None)),
        ServerBody::MemberAdded(member_event(Some("moderator"))),
        ServerBody::MemberRemoved(member_event(None)),
        ServerBody::History(HistoryPage {
            conversation_id,
            room_id: room_id.clone(),
            messages: vec![question(), answer()],
            has_more: false,
            request_id: request_id(),
        }),
        ServerBody::Stopped(Stopped {
            conversation_id,
            room_id: room_id.clone(),
            message_id: Some(message_id(2)),
            status: Some("stopped".into()),
            request_id: None,
        }),
        ServerBody::Resumed(Resumed {
            conversation_id,
            room_id: room_id.clone(),
            from_seq: 1,
            last_seq: 2,
            recovered: true,
            epoch: "e".into(),
            request_id: None,
        }),
        ServerBody::Pong(Pong { heads: [(conversation_id, 2)].into(), request_id: request_id() }),
        ServerBody::Reasoning(Reasoning {
            message_id: message_id(2),
            content: "Hm".into(),
            offset: 0,
            conversation_id,
            room_id: room_id.clone(),
        }),
        ServerBody::ToolCall(ToolCall {
            message_id: message_id(2),
            index: 0,
            id: Some("call-1".into()),
            name: Some("weather".into()),
            arguments: "{".into(),
            conversation_id,
            room_id: None,
        }),
        ServerBody::StreamRestart(StreamRestart {
            message_id: message_id(2),
            attempt: 2,
            conversation_id,
            room_id: room_id.clone(),
        }),
        ServerBody::Read(ReadElsewhere { conversation_id, room_id: room_id.clone(), seq: 2 }),
        ServerBody::Live(Box::new(Live {
            figures: LiveFigures {
                connections: 3,
                users: 2,
                conversations_live: 1,
                turns: 1,
                queue_turns: 0,
                queue_commands: 0,
                messages: 41,
                bytes_received: 1_000,
                bytes_sent: 2_000,
                uptime: 60.5,
                backends: vec![LiveBackend {
                    name: "openai".into(),
                    kind: "provider".into(),
                    turns: 1,
                    takes_turns: true,
                }],
            },
            request_id: request_id(),
        })),
        ServerBody::Error(Error {
            error: ErrorCode::RateLimit.meaning().into(),
            code: ErrorCode::RateLimit,
            retry_after: Some(60),
            message_id: Some("msg-1".into()),
            request_id: None,
            incident: None,
            conversation_id: None,
            room_id,
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

/// What clients get keeps its shape, and a client that uses this crate understands it as it was meant.
#[test]
fn server_frames_keep_their_shape() {
    let frame = |body| {
        let of_none = matches!(
            body,
            ServerBody::Connect(_) | ServerBody::System(_) | ServerBody::Pong(_) | ServerBody::Live(_)
        );
        ServerFrame { body, room_id: (!of_none).then(room), message_id: None, request_id: None }
    };
    let mut frames: Vec<_> = server_bodies().into_iter().map(frame).collect();
    frames[7].request_id = Some("r-1".into());
    frames[7].message_id = Some("req-1".into());
    insta::assert_snapshot!(lines(&frames));
    for frame in frames {
        let text = serde_json::to_string(&frame).unwrap();
        assert_eq!(serde_json::from_str::<ServerFrame<'_>>(&text).unwrap(), frame, "{text}");
    }
}

/// A room and a message's own id may stand on either side of the brace.
#[test]
fn names_stand_beside_data_or_in_it() {
    let check = |text: &str| {
        let incoming = ClientFrame::parse(text).unwrap();
        assert_eq!(incoming.message_id.as_deref(), Some("m"), "{text}");
        let ClientFrame::Chat(chat) = incoming.frame else { panic!("another frame") };
        assert_eq!((chat.room_id, chat.message_id.as_deref()), (Some(room()), Some("m")), "{text}");
    };
    check(r#"{"type":"chat","data":{"message":"x"},"room_id":"room-123","message_id":"m"}"#);
    check(r#"{"type":"chat","data":{"message":"x","room_id":"room-123","message_id":"m"}}"#);
    check(
        r#"{"type":"chat","data":{"message":"x","room_id":"room-123"},"room_id":"room-123","message_id":"m"}"#,
    );
    check(
        r#"{"type":"chat","data":{"message":"x","room_id":null,"message_id":null},"room_id":"room-123","message_id":"m"}"#,
    );
    for text in [r#"{"type":"auth","token":"t"}"#, r#"{"type":"auth","data":{"token":"t"}}"#] {
        assert_eq!(
            ClientFrame::parse(text).unwrap().frame,
            ClientFrame::Auth(Auth { token: "t".to_owned() })
        );
    }
}

/// What is null is absent, whole numbers are numbers, and what a client of another version adds is ignored.
#[test]
fn harmless_oddities_are_accepted() {
    let text = r#"{"type":"chat","id":5,"data":{"message":"x","conversation_id":null,"temperature":1,"max_tokens":null,
        "model_preference":null,"attachments":null,"colour":"red"},"room_id":null,"message_id":null,"request_id":"r"}"#;
    let incoming = ClientFrame::parse(text).unwrap();
    assert_eq!((incoming.request_id.as_deref(), incoming.request_id_outside), (Some("r"), true));
    let chat = SendChat { message: "x".to_owned(), temperature: Some(1.0), ..SendChat::default() };
    assert_eq!(incoming.frame, ClientFrame::Chat(chat));
}

/// Bad input is refused with the right code, and with the names that could be read in it.
#[test]
fn bad_frames_are_refused_with_their_names() {
    let check = |text: &str, code: ErrorCode, name: Option<&str>| {
        let error = ClientFrame::parse(text).expect_err(text);
        let names = error.message_id.as_deref().or(error.request_id.as_deref());
        assert_eq!((error.code, names), (code, name), "{text}: {}", error.message);
        assert!(error.message.len() < 1_000, "a stranger's text is not repeated at any length");
    };
    check("", ErrorCode::InvalidJson, None);
    check("[1,2]", ErrorCode::InvalidJson, None);
    check("{\"type\":\"ping\"", ErrorCode::InvalidJson, None);
    check("{}", ErrorCode::InvalidRequest, None);
    check(r#"{"type":7}"#, ErrorCode::InvalidRequest, None);
    check(r#"{"type":"shout","message_id":"m"}"#, ErrorCode::UnknownType, Some("m"));
    check(r#"{"type":"file_upload","data":{},"message_id":"m"}"#, ErrorCode::InvalidRequest, Some("m"));
    let long = format!(r#"{{"type":"file_upload","data":{{"upload_type":"{}"}}}}"#, "x".repeat(9_999));
    check(&long, ErrorCode::InvalidRequest, None);
    check(r#"{"type":"auth","data":{}}"#, ErrorCode::InvalidRequest, None);
    check(r#"{"type":"chat","message_id":"m"}"#, ErrorCode::InvalidRequest, Some("m"));
    check(r#"{"type":"chat","data":{"message_id":"m"}}"#, ErrorCode::InvalidRequest, Some("m"));
    check(r#"{"type":"chat","data":{"message":"x"},"message_id":5}"#, ErrorCode::InvalidRequest, None);
    check(
        r#"{"type":"chat","data":{"message":"x","conversation_id":123},"message_id":"m"}"#,
        ErrorCode::InvalidRequest,
        Some("m"),
    );
    check(r#"{"type":"chat","data":{"message":"x","temperature":1e999}}"#, ErrorCode::InvalidRequest, None);
    check(
        r#"{"type":"join_room","data":{"room_id":"a","request_id":"r"},"room_id":"b"}"#,
        ErrorCode::InvalidRequest,
        Some("r"),
    );
    check(
        r#"{"type":"join_room","data":{},"room_id":"no spaces","request_id":"r"}"#,
        ErrorCode::InvalidRequest,
        Some("r"),
    );
    check(
        r#"{"type":"join_room","data":{},"room_id":7,"request_id":"r"}"#,
        ErrorCode::InvalidRequest,
        Some("r"),
    );
    check(
        &format!(r#"{{"type":"edit","data":{{"message_id":"{}"}}}}"#, "x".repeat(5_000)),
        ErrorCode::InvalidRequest,
        None,
    );
}

proptest! {
    /// Whatever a client says and calls itself, it is understood as it was meant.
    #[test]
    fn any_chat_is_understood(
        message in ".*",
        room_id in proptest::option::of("[A-Za-z0-9._:-]{1,128}"),
        message_id in proptest::option::of(".{0,40}"),
        temperature in proptest::option::of(0_u32..=200),
    ) {
        let chat = SendChat {
            message,
            room_id: room_id.map(|id| id.parse().unwrap()),
            message_id: message_id.clone(),
            // Quarters are exact in binary.
            temperature: temperature.map(|value| f64::from(value) / 4.0),
            ..SendChat::default()
        };
        let text = serde_json::to_string(&ClientFrame::Chat(chat.clone())).unwrap();
        let incoming = ClientFrame::parse(&text).unwrap();
        prop_assert_eq!(incoming.message_id, message_id);
        prop_assert_eq!(incoming.frame, ClientFrame::Chat(chat));
    }

    /// Whatever text comes, the answer is a frame or a refusal, and never a panic.
    #[test]
    fn any_text_is_read_or_refused(kind in "[a-z_]{0,12}", data in ".{0,60}") {
        let codes = [ErrorCode::InvalidJson, ErrorCode::UnknownType, ErrorCode::InvalidRequest];
        for text in [format!(r#"{{"type":"{kind}","data":{data}}}"#), data] {
            if let Err(error) = ClientFrame::parse(&text) {
                prop_assert!(codes.contains(&error.code));
            }
        }
    }
}
