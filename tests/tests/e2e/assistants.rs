//! Assistants over HTTP, and called through every door.

use parlor_tests::client::id;
use parlor_tests::{Asker, FakeProvider, Rooms, TestApp, Turn};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/ai/assistants";

/// The instructions, the model and the temperature of the last request that the provider got.
fn told(provider: &FakeProvider) -> (String, String, Value) {
    let body = provider.requests().pop().expect("the provider was asked").body;
    let first = &body["messages"][0];
    let text = if first["role"] == "system" { id(&first["content"]) } else { String::new() };
    (text, id(&body["model"]), body["temperature"].clone())
}

/// Protects the one rule of all doors: a name, or an id, of an assistant stands where a model does; its template is filled in
/// for who asks, and what they are called is data.
#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_is_called_through_every_door() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "plain").without_limits().start().await;
    let token = app.token("ann@example.org");
    let evil = "{{ 7*7 }}";
    let me = json!({"username": evil, "profile": {"likes": ["tea", evil]}});
    assert_eq!(app.ask(&token, "PATCH", "/api/v1/users/me", me).await.status, 200);
    let prompt = "Cook for {{ user.username }} ({{ user.profile.likes|join(', ') }}){% if room %} in {{ room.name }}{% endif %}.";
    let new = json!({"name": "chef", "systemPrompt": prompt, "model": "words-2-0", "temperature": 0.5});
    let made = app.ask(&token, "POST", PATH, new).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let chef = id(&made.json()["id"]);
    let alone = (format!("Cook for {evil} (tea, {evil})."), "words-2-0".to_owned(), json!(0.5));

    let mut client = app.client(&token).await;
    for name in ["chef", &chef] {
        client.ask("send_message", json!({"conversation_id": null, "content": "hi", "message_type": "user", "assistant_id": name})).await;
        let turn = Turn::follow(&mut client).await;
        assert_eq!((turn.status.as_str(), &turn.end["assistant"]), ("complete", &json!("chef")));
        assert_eq!(told(&provider), alone);
        let history = client.whole_history(&turn.conversation_id).await;
        assert_eq!(history[1]["assistant"], "chef");
    }
    let nobody = "01930000-0000-7000-8000-000000000009";
    client
        .ask(
            "send_message",
            json!({"conversation_id": null, "content": "hi", "message_type": "user", "assistant_id": nobody}),
        )
        .await;
    assert_eq!(Turn::follow(&mut client).await.error.unwrap()["code"], "MODEL_NOT_FOUND");

    let body = json!({"model": "chef", "messages": [{"role": "user", "content": "hi"}]});
    let answer = app.ask(&token, "POST", "/v1/chat/completions", body).await;
    assert_eq!((answer.status, told(&provider)), (200, alone.clone()), "{}", answer.body);
    let models = app.ask(&token, "GET", "/v1/models", Value::Null).await.json();
    assert_eq!(
        (&models["data"][0]["id"], &models["data"][0]["owned_by"]),
        (&json!("chef"), &json!("assistant"))
    );
    let answer = app.ask(&token, "POST", "/api/v1/ai/chat", json!({"message": "hi", "model": "chef"})).await;
    assert_eq!((answer.status, told(&provider)), (200, alone), "{}", answer.body);
    assert_eq!(answer.json()["assistant"], "chef");
    let path = format!("/api/v1/ai/conversations/{}", id(&answer.json()["conversationId"]));
    let messages = app.ask(&token, "GET", &path, Value::Null).await.json()["messages"].take();
    let named = messages.as_array().unwrap().iter().map(|it| it["assistant"].clone()).collect::<Vec<_>>();
    assert_eq!(named, [Value::Null, json!("chef")], "{messages}");

    let mut rooms = app.rooms(&token).await;
    rooms.enter("den", "group").await;
    rooms.chat("den", "hello @chef", "m-1").await;
    loop {
        let chat = rooms.until_any("chat").await;
        if chat["data"]["done"] == true {
            assert_eq!(chat["data"]["assistant"], "chef", "{chat}");
            break;
        }
    }
    assert_eq!(told(&provider).0, format!("Cook for {evil} () in den."), "a profile is not told in a room");

    // For somebody else the name is a model's, and the id nobody's.
    let eve = app.token("eve@example.org");
    let body = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    let answer = app.ask(&eve, "POST", "/v1/chat/completions", body(&chef)).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("MODEL_NOT_FOUND")));
    app.ask(&eve, "POST", "/v1/chat/completions", body("chef")).await;
    assert_eq!((told(&provider).0, told(&provider).1), (String::new(), "chef".to_owned()));
}

/// Protects who wants to know whom they talk to: the reply names its assistant in every dialect that has replies, and none
/// where none made it.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_names_its_assistant_in_every_dialect() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let new = json!({"name": "chef", "systemPrompt": "Cook."});
    assert_eq!(app.ask(&token, "POST", PATH, new).await.status, 201);
    let mut broker = app.broker(&token).await;
    let mut asker = Asker::connect(app.address(), &token).await;
    for (text, name) in [("@chef, what is there?", json!("chef")), ("what is there?", Value::Null)] {
        // It hears of the replies in all of its user's threads.
        let thread = broker.say(None, text).await["thread_id"].clone();
        let reply = loop {
            let reply = broker.reply().await;
            if reply["thread_id"] == thread {
                break reply;
            }
        };
        assert_eq!(reply["assistant"], name, "broker");
        asker.send(json!({"message": text})).await;
        assert_eq!(asker.end().await.0["data"]["assistant"], name, "sessions");
        let mut io = app.io(&token).await;
        io.start(None, text).await;
        let (_, event, end) = io.reply().await;
        assert_eq!((event.as_str(), &end["assistant"]), ("chat:end", &name), "socketio");
        let answer = app.ask(&token, "POST", "/api/v1/ai/chat", json!({"message": text})).await.json();
        assert_eq!(answer["assistant"], name, "the AI API");
    }
}

/// Protects who makes a room for an assistant: it is there with the room, or there is no room; who enters one that is there
/// changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_made_with_its_assistant() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let new = json!({"name": "chef", "systemPrompt": "Cook."});
    assert_eq!(app.ask(&token, "POST", PATH, new).await.status, 201);
    let mut rooms = app.rooms(&token).await;
    let join = |room: &str, assistant: &str| json!({"room_id": room, "room_type": "shared", "ai_mode": "always", "assistant": assistant});
    let mut eve = app.rooms(&app.token("eve@example.org")).await;
    for (client, name) in [(&mut rooms, "nobody"), (&mut eve, "chef")] {
        client.ask("join_room", join("kitchen", name)).await;
        assert_eq!(client.until_any("error").await["data"]["code"], "MODEL_NOT_FOUND", "{name}");
    }
    let path = "/api/v1/ws/rooms/kitchen";
    assert_eq!(app.ask(&token, "GET", path, Value::Null).await.refusal(), (404, "ROOM_NOT_FOUND".into()));
    rooms.does("join_room", join("kitchen", "chef"), "join_room").await;
    eve.does("join_room", join("kitchen", ""), "join_room").await;
    rooms.does("join_room", join("kitchen", "nobody"), "join_room").await;
    let assistant = app.ask(&token, "GET", &format!("{path}/assistant"), Value::Null).await.json();
    assert_eq!(assistant["assistant"]["name"], "chef", "{assistant}");
    eve.chat("kitchen", "what is there?", "m-1").await;
    loop {
        let chat = eve.until_any("chat").await;
        if chat["data"]["done"] == true {
            assert_eq!(chat["data"]["assistant"], "chef", "{chat}");
            break;
        }
    }
    // The query that comes with a connection says the same.
    let query = "?room_id=pantry&room_type=shared&ai_mode=always&assistant=chef";
    let mut other = Rooms::connect(app.address(), &token, query).await;
    other.until("join_room").await;
    let path = "/api/v1/ws/rooms/pantry/assistant";
    assert_eq!(app.ask(&token, "GET", path, Value::Null).await.json()["assistant"]["name"], "chef");
}

/// Protects assistants over HTTP: they are kept through a restart, changed in parts, refused with a reason, and the
/// server's changes are in the audit log.
#[tokio::test(flavor = "multi_thread")]
async fn assistants_are_kept_and_changed() {
    let mut app = TestApp::start().await;
    let (ann, root) = (app.token("ann@example.org"), app.admin_token("root@example.org"));
    let new = json!({"name": "guide", "displayName": "The guide", "scope": "server", "systemPrompt": "{{ date }}", "maxTokens": 50});
    assert_eq!(app.ask(&ann, "POST", PATH, new.clone()).await.refusal(), (403, "FORBIDDEN".into()));
    let made = app.ask(&root, "POST", PATH, new.clone()).await.json();
    assert_eq!(app.ask(&root, "POST", PATH, new).await.refusal(), (409, "CONFLICT".into()));
    let path = format!("{PATH}/{}", id(&made["id"]));
    app.kill9();
    app.restart().await;
    let seen = app.ask(&ann, "GET", &path, Value::Null).await.json();
    assert_eq!(
        (&seen["displayName"], &seen["scope"], &seen["systemPrompt"]),
        (&json!("The guide"), &json!("server"), &Value::Null)
    );
    let changed = app.ask(&root, "PATCH", &path, json!({"maxTokens": null, "temperature": 1.5})).await.json();
    assert_eq!(
        (&changed["maxTokens"], &changed["temperature"], &changed["name"]),
        (&Value::Null, &json!(1.5), &json!("guide"))
    );
    for (change, words) in [
        (json!({"systemPrompt": "a\n{% set x = 1 %}"}), "line 2: `set` is not allowed"),
        (json!({"systemPrompt": "{% include '/etc/passwd' %}"}), "line 1: "),
        (json!({"systemPrompt": "{{ secrets }}"}), "there is no variable `secrets`"),
        (json!({"systemPrompt": "{{ 'x' * 1000000000 }}"}), "only comparisons"),
        (json!({"name": "Not A Name"}), "an assistant's name has"),
        (json!({"temperature": 3}), "from 0 to 2"),
    ] {
        let answer = app.ask(&root, "PATCH", &path, change).await;
        assert_eq!(answer.refusal(), (400, "INVALID_REQUEST".into()));
        assert!(answer.body.contains(words), "{}", answer.body);
    }
    assert_eq!(app.ask(&root, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(app.ask(&ann, "GET", &path, Value::Null).await.refusal(), (404, "NOT_FOUND".into()));
    let log = app.ask(&root, "GET", "/api/v1/admin/audit?limit=200", Value::Null).await.json();
    let done = log["data"].as_array().unwrap().iter().filter(|it| it["outcome"] == "done");
    let actions: Vec<_> =
        done.map(|it| id(&it["action"])).filter(|it| it.starts_with("assistant_")).collect();
    assert_eq!(actions, ["assistant_delete", "assistant_change", "assistant_create"]);
}
