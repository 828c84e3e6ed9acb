//! One story, told in every dialect and over HTTP: a new conversation with a streamed reply, a stop, a second tab, a
//! stranger, and an empty purse. The rules are the domain's, so that the story is the same; only its words differ.

use parlor_tests::provider::words;
use parlor_tests::{Client, Credential, FakeProvider, Io, IoIncoming, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// How a dialect says what the story needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Conversations,
    Rooms,
    Broker,
    Sessions,
    Socketio,
    Http,
}

/// The table: each dialect, its code for a conversation that is not there, and whether it has a word for "stop".
const ROWS: [(Dialect, &str, bool); 6] = [
    (Dialect::Conversations, "CONVERSATION_NOT_FOUND", true),
    (Dialect::Rooms, "CONVERSATION_NOT_FOUND", true),
    (Dialect::Broker, "THREAD_ACCESS_DENIED", false),
    (Dialect::Sessions, "CONVERSATION_NOT_FOUND", false),
    (Dialect::Socketio, "CONVERSATION_NOT_FOUND", true),
    (Dialect::Http, "CONVERSATION_NOT_FOUND", false),
];

/// Somebody who speaks a dialect.
enum Voice<'a> {
    Frames(Dialect, Client),
    Events(Io),
    Requests { app: &'a TestApp, token: String, asked: Option<JoinHandle<(u16, Value)>> },
}

/// What became of a message: where it is, the text of its reply, and how that ended or why there is none.
#[derive(Debug, Default)]
struct Told {
    conversation: String,
    text: String,
    end: String,
}

impl<'a> Voice<'a> {
    async fn new(dialect: Dialect, app: &'a TestApp, token: &str) -> Self {
        let path = match dialect {
            Dialect::Socketio => return Self::Events(app.io(token).await),
            Dialect::Http => return Self::Requests { app, token: token.to_owned(), asked: None },
            Dialect::Conversations => "/api/v1/chat/ws",
            Dialect::Rooms => "/api/v1/ws/ws?resume=1",
            Dialect::Broker => "/ws",
            Dialect::Sessions => "/chat/ws",
        };
        let client = Client::try_open(app.address(), path, Credential::Query(token), &[]).await;
        Self::Frames(dialect, client.unwrap())
    }

    async fn ask(&mut self, conversation: Option<&str>, text: &str) {
        match self {
            Self::Frames(dialect, client) => client.send(question(*dialect, conversation, text)).await,
            Self::Events(io) => io.start(conversation, text).await,
            Self::Requests { app, token, asked } => {
                let (address, token) = (app.address(), token.clone());
                let body = json!({"message": text, "conversationId": conversation});
                *asked = Some(tokio::spawn(async move {
                    let path = "/api/v1/ai/chat";
                    let answer = parlor_tests::http::ask(address, "POST", path, Some(&token), &body).await;
                    (answer.status, answer.json())
                }));
            }
        }
    }

    async fn stop(&mut self, conversation: &str) {
        match self {
            Self::Frames(Dialect::Conversations, client) => {
                client.ask("stop_response", json!({"conversation_id": conversation})).await;
            }
            Self::Frames(_, client) => client.ask("stop", json!({"conversation_id": conversation})).await,
            Self::Events(io) => io.emit("chat:stop", &[]).await,
            Self::Requests { .. } => panic!("there is no word for it"),
        }
    }

    /// What became of the message that was sent last.
    async fn told(&mut self) -> Told {
        let mut told = Told::default();
        match self {
            Self::Frames(dialect, client) => {
                while told.end.is_empty() {
                    take_frame(*dialect, &client.frame().await, &mut told);
                }
            }
            Self::Events(io) => {
                while told.end.is_empty() {
                    let IoIncoming::Event(name, data) = io.next().await else { panic!("it ended") };
                    take_event(&name, &data, &mut told);
                }
            }
            Self::Requests { asked, .. } => {
                let (status, body) = asked.take().unwrap().await.unwrap();
                let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
                told = Told {
                    conversation: field("conversationId"),
                    text: field("content"),
                    end: if status == 200 { field("status") } else { field("code") },
                };
            }
        }
        told
    }
}

fn question(dialect: Dialect, conversation: Option<&str>, text: &str) -> Value {
    match dialect {
        Dialect::Conversations => {
            let data = json!({"conversation_id": conversation, "content": text, "message_type": "user"});
            json!({"type": "send_message", "data": data})
        }
        Dialect::Rooms => json!({"type": "chat", "data": {"message": text, "conversation_id": conversation}}),
        Dialect::Broker => json!({"type": "send_message", "thread_id": conversation, "content": text}),
        Dialect::Sessions => json!({"message": text, "session_id": conversation, "stream": true}),
        Dialect::Socketio | Dialect::Http => panic!("it has no frames"),
    }
}

fn take_frame(dialect: Dialect, frame: &Value, told: &mut Told) {
    let (kind, data) = (frame["type"].as_str().unwrap(), &frame["data"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match (dialect, kind) {
        (Dialect::Conversations | Dialect::Rooms, "error") => told.end = text(&data["code"]),
        (_, "error") => told.end = text(&frame["code"]),
        (Dialect::Conversations, "message_received") => {
            told.conversation = text(&data["message"]["conversation_id"]);
        }
        (Dialect::Conversations, "stream_content") => told.text += &text(&data["content"]),
        (Dialect::Conversations, "stream_complete") => told.end = text(&data["status"]),
        (Dialect::Rooms, "delivery_confirmation") => told.conversation = text(&data["conversation_id"]),
        (Dialect::Rooms, "chat") if data["streaming"] == true => told.text += &text(&data["content"]),
        (Dialect::Rooms, "chat") if data["done"] == true => told.end = text(&data["status"]),
        (Dialect::Broker, "message_ack") => told.conversation = text(&frame["thread_id"]),
        (Dialect::Broker, "ai_response") => {
            told.text = text(&frame["response_content"]);
            told.end = text(&frame["status"]);
        }
        (Dialect::Sessions, "chunk") => told.text += &text(&frame["content"]),
        (Dialect::Sessions, "message") => {
            assert_eq!(told.text, text(&frame["message"]), "the pieces are the reply");
            told.conversation = text(&frame["session_id"]);
            told.end = text(&data["status"]);
        }
        _ => {}
    }
}

fn take_event(name: &str, data: &Value, told: &mut Told) {
    let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    match name {
        "chat:user-message" => told.conversation = text("conversationId"),
        "chat:message" => told.text += &text("content"),
        "chat:end" => told.end = text("status"),
        "chat:stopped" => "stopped".clone_into(&mut told.end),
        "chat:error" => told.end = text("code"),
        _ => {}
    }
}

/// Protects: every client of whatever dialect from a rule that holds in another one alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_the_same_in_every_dialect() {
    let provider = FakeProvider::start_as("words-20-40").await;
    let app = TestApp::builder().without_limits().provider(&provider.base_url(), "m").start().await;
    let eve = app.token("eve@example.org");
    for (dialect, not_there, has_stop) in ROWS {
        let token = app.token(&format!("{dialect:?}@example.org").to_lowercase());
        let mut tab = app.io(&token).await;
        let mut voice = Voice::new(dialect, &app, &token).await;

        voice.ask(None, "Count").await;
        let told = voice.told().await;
        assert_eq!((told.text.as_str(), told.end.as_str()), (&*words(20), "complete"), "{dialect:?}");
        let conversation = told.conversation;
        let (text, name, end) = tab.reply().await;
        assert_eq!((text, name.as_str()), (words(20), "chat:end"), "{dialect:?}: the second tab");
        assert_eq!(end["conversationId"], conversation, "{dialect:?}");

        voice.ask(Some(&conversation), "Go on").await;
        assert_eq!(tab.until("chat:user-message").await["content"], "Go on", "{dialect:?}");
        tab.until("chat:message").await;
        if has_stop {
            voice.stop(&conversation).await;
        } else {
            tab.emit("chat:stop", &[]).await;
        }
        let told = voice.told().await;
        assert_eq!(told.end, "stopped", "{dialect:?}");
        assert!(words(20).starts_with(&told.text) && told.text != words(20), "{dialect:?}: {}", told.text);
        tab.until("chat:stopped").await;

        let mut stranger = Voice::new(dialect, &app, &eve).await;
        stranger.ask(Some(&conversation), "Mine?").await;
        assert_eq!(stranger.told().await.end, not_there, "{dialect:?}");

        let path = format!("/api/v1/ai/conversations/{conversation}");
        let history = app.ask(&token, "GET", &path, Value::Null).await.json();
        let said: Vec<_> = history["messages"].as_array().unwrap().iter().map(|it| &it["content"]).collect();
        assert_eq!(
            said,
            [&json!("Count"), &json!(words(20)), &json!("Go on"), &json!(told.text)],
            "{dialect:?}"
        );
    }
}

/// Protects: whoever pays. A turn that the budget does not cover is refused in every dialect, and asks no backend.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_purse_is_empty_in_every_dialect() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder()
        .without_limits()
        .provider(&provider.base_url(), "plain")
        .env("USER_TOKEN_BUDGET", 10)
        .start()
        .await;
    let token = app.token("ann@example.org");
    for (dialect, ..) in ROWS {
        let mut voice = Voice::new(dialect, &app, &token).await;
        voice.ask(None, "Count").await;
        assert_eq!(voice.told().await.end, "TOKEN_BUDGET_EXCEEDED", "{dialect:?}");
    }
    assert!(provider.requests().is_empty());
}
