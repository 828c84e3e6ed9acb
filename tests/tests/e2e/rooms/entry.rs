//! The first frames, ways into a room, and ends of a connection.

use parlor_tests::client::id;
use parlor_tests::raw::{Frame, RawSocket, Received, opcode};
use parlor_tests::rooms::PATH;
use parlor_tests::{Client, Credential, Rooms, TestApp};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

async fn open(app: &TestApp, credential: Credential<'_>) -> Client {
    Client::try_open(app.address(), PATH, credential, &[]).await.unwrap()
}

/// Protects: the first frame says whose connection it is, however the credential came.
#[tokio::test(flavor = "multi_thread")]
async fn every_credential_opens_a_socket() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut users = Vec::new();
    for credential in
        [Credential::Query(&token), Credential::Header(&token), Credential::FirstMessage(&token)]
    {
        let mut client = Rooms::greeted(open(&app, credential).await).await;
        assert!(client.greeting["connection_id"].is_string(), "{}", client.greeting);
        let time = client.greeting["server_time"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.len() == "2026-01-01T00:00:00.000Z".len(), "{time}");
        assert_eq!(client.replay().await, (vec![], json!({"event": "sync_complete"})));
        users.push(client.user.clone());
    }
    assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
}

/// Protects: who has no good credential is told why in a frame, since a browser sees nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_credential_is_told_and_closed() {
    let app = TestApp::start().await;
    for credential in [Credential::Query("nonsense"), Credential::FirstMessage("nonsense")] {
        let mut client = open(&app, credential).await;
        client.expect_error("INVALID_TOKEN").await;
        client.expect_close(4001).await;
    }
    let mut silent = open(&app, Credential::None).await;
    silent.send(json!({"type": "chat", "data": {"message": "hi"}})).await;
    silent.expect_error("UNAUTHENTICATED").await;
    silent.expect_close(4001).await;
}

/// Protects: a room that the query names is entered as if asked for, behind the replay.
#[tokio::test(flavor = "multi_thread")]
async fn the_query_enters_a_room() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let query = "?room_id=team:1&room_type=group&room_name=The%20Team&ai_mode=off";
    let mut ann = Rooms::connect(app.address(), &token, query).await;
    ann.replay().await;
    let joined = ann.expect("join_room").await;
    assert_eq!((&joined["room_id"], &joined["data"]["room_id"]), (&json!("team:1"), &json!("team:1")));
    for (name, expect) in [
        ("room_name", json!("The Team")),
        ("room_type", json!("group")),
        ("ai_mode", json!("off")),
        ("role", json!("owner")),
        ("participants", json!([ann.user])),
        ("participant_count", json!(1)),
        ("online", json!([ann.user])),
        ("last_seq", json!(0)),
    ] {
        assert_eq!(joined["data"][name], expect, "{name}");
    }
    // Another type and another name change nothing of a room that is there.
    let mut again = Rooms::connect(app.address(), &token, "?room_id=team:1&room_name=Other").await;
    again.replay().await;
    assert_eq!(again.expect("join_room").await["data"]["room_name"], "The Team");
}

/// Protects: a query that makes no sense is answered, and the connection stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_query_is_told_and_the_connection_stays() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    for query in ["?room_id=a%20room", "?room_id=r&room_type=secret", "?room_id=r&ai_mode=sometimes"] {
        let mut client = Rooms::connect(app.address(), &token, query).await;
        client.until_error("INVALID_REQUEST").await;
        assert_eq!(client.barrier().await, json!({}), "{query}");
    }
}

/// Protects: a room is made private, holds two, and is told to nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_room_holds_two() {
    let app = TestApp::start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    let mut bob = app.rooms(&app.token("bob@example.org")).await;
    let mut eve = app.rooms(&app.token("eve@example.org")).await;
    let made = ann.does("join_room", json!({"room_id": "two"}), "join_room").await;
    assert_eq!((&made["room_type"], &made["ai_mode"]), (&json!("private"), &json!("always")));
    ann.say("two", "before Bob").await;
    let joined = bob.does("join_room", json!({"room_id": "two"}), "join_room").await;
    assert_eq!((&joined["role"], &joined["participant_count"]), (&json!("member"), &json!(2)));
    assert!(bob.whole_history("two").await.iter().all(|message| message["content"] != "before Bob"));
    eve.ask("join_room", json!({"room_id": "two"})).await;
    let refusal = eve.until_error("ROOM_FULL").await;
    assert_eq!(refusal["room_id"], "two");
}

/// Protects: a group is entered by whom its owner or a moderator adds; who was removed stays out until added again.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_entered_by_being_added() {
    let app = TestApp::start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    let mut bob = app.rooms(&app.token("bob@example.org")).await;
    let mut cid = app.rooms(&app.token("cid@example.org")).await;
    ann.enter("club", "group").await;
    bob.ask("join_room", json!({"room_id": "club"})).await;
    bob.until_error("ROOM_ACCESS_DENIED").await;

    let data = json!({"room_id": "club", "user_id": bob.user, "role": "moderator"});
    let added = ann.does("add_member", data, "add_member").await;
    assert_eq!((&added["user_id"], &added["role"]), (&json!(bob.user), &json!("moderator")));
    let told = bob.until("member_added").await["data"].take();
    assert_eq!((&told["role"], &told["by"]), (&json!("moderator"), &json!(ann.user)));

    bob.does("add_member", json!({"room_id": "club", "user_id": cid.user}), "add_member").await;
    assert_eq!(cid.until("member_added").await["data"]["by"], json!(bob.user));
    assert_eq!(cid.enter("club", "group").await["role"], "member");
    cid.ask("remove_member", json!({"room_id": "club", "user_id": bob.user})).await;
    cid.until_error("FORBIDDEN").await;
    bob.does("remove_member", json!({"room_id": "club", "user_id": cid.user}), "remove_member").await;
    assert_eq!(cid.until("member_removed").await["data"]["by"], json!(bob.user));
    for (kind, code) in [("join_room", "ROOM_ACCESS_DENIED"), ("history", "ROOM_NOT_FOUND")] {
        cid.ask(kind, json!({"room_id": "club"})).await;
        cid.until_error(code).await;
    }
    ann.say("club", "without Cid").await;
    assert_eq!(cid.pending("chat").await, Vec::<Value>::new(), "who is removed gets nothing more");
    ann.does("add_member", json!({"room_id": "club", "user_id": cid.user}), "add_member").await;
    assert_eq!(cid.enter("club", "group").await["last_seq"], 1);
}

/// Protects: an owner who leaves is followed, and a room that is deleted is told to all its members and is gone.
#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_left_and_deleted() {
    let app = TestApp::start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    let mut bob = app.rooms(&app.token("bob@example.org")).await;
    ann.enter("hall", "shared").await;
    bob.enter("hall", "shared").await;
    bob.ask("delete_room", json!({"room_id": "hall"})).await;
    bob.until_error("FORBIDDEN").await;
    let left = ann.does("leave_room", json!({"room_id": "hall"}), "leave_room").await;
    assert_eq!(left["room_id"], "hall");
    assert_eq!(bob.until("member_added").await["data"]["role"], "owner", "Bob follows");
    ann.enter("hall", "shared").await;
    bob.does("delete_room", json!({"room_id": "hall"}), "room_deleted").await;
    assert_eq!(ann.until("room_deleted").await["room_id"], "hall");
    ann.ask("history", json!({"room_id": "hall"})).await;
    ann.until_error("ROOM_NOT_FOUND").await;
    assert_eq!(ann.enter("hall", "shared").await["role"], "owner", "its id is free");
}

/// Protects: what is no frame of the dialect is answered by what is wrong with it, with the client's own names.
#[tokio::test(flavor = "multi_thread")]
async fn frames_that_make_no_sense_are_refused() {
    let app = TestApp::start().await;
    let mut client = app.rooms(&app.token("ann@example.org")).await;
    client.send_message(Message::text("{not json")).await.unwrap();
    client.expect_error("INVALID_JSON").await;
    let cases = [
        (json!({"type": "dance"}), "UNKNOWN_TYPE"),
        (json!({"type": "join_room", "data": {}}), "INVALID_REQUEST"),
        (json!({"type": "join_room", "data": {"room_id": "a b"}}), "INVALID_REQUEST"),
        (
            json!({"type": "chat", "data": {"message": "hi", "room_id": "a"}, "room_id": "b"}),
            "INVALID_REQUEST",
        ),
        (json!({"type": "chat", "data": {"message": ""}}), "INVALID_MESSAGE_CONTENT"),
        (json!({"type": "chat", "data": {"message": "x".repeat(65_537)}}), "MESSAGE_TOO_LONG"),
        (
            json!({"type": "chat", "data": {"message": "x", "attachments": ["01930000-0000-7000-8000-000000005000"]}}),
            "UPLOAD_NOT_FOUND",
        ),
        (json!({"type": "chat", "data": {"message": "hi"}, "room_id": "nowhere"}), "ROOM_NOT_FOUND"),
        (json!({"type": "edit", "data": {"message_id": "not an id", "message": "x"}}), "INVALID_REQUEST"),
    ];
    for (mut frame, code) in cases {
        frame["message_id"] = json!("m-7");
        frame["request_id"] = json!("r-7");
        client.send(frame).await;
        let error = client.expect("error").await;
        assert_eq!(error["data"]["code"], code, "{error}");
        assert_eq!((&error["message_id"], &error["request_id"]), (&json!("m-7"), &json!("r-7")), "{error}");
        assert!(!id(&error["data"]["error"]).is_empty());
    }
    client.barrier().await;
}

/// Protects: a joined connection's heartbeats tell the newest entry of each room, with a ping beside them.
#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_tell_the_heads() {
    let app = TestApp::builder().env("WEBSOCKET_HEARTBEAT_INTERVAL", "200ms").start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.rooms(&token).await;
    let conversation = id(&ann.enter("beat", "shared").await["conversation_id"]);
    ann.say("beat", "one").await;
    ann.say("beat", "two").await;
    loop {
        let beat = ann.until("system").await["data"].take();
        assert_eq!(beat["heartbeat"], true, "{beat}");
        assert!(beat["server_time"].is_string(), "{beat}");
        if beat["heads"] == json!({conversation.clone(): 2}) {
            break;
        }
    }
    let target = format!("{PATH}?token={token}&resume=1");
    let mut raw = RawSocket::upgrade_at(app.address(), &target, None).await;
    loop {
        match raw.receive().await {
            Received::Frame(opcode::PING, payload) => {
                raw.send(Frame::new(opcode::PONG, &payload)).await;
                break;
            }
            Received::Frame(..) => {}
            Received::End => panic!("a ping was due"),
        }
    }
}
