//! Who may do what, for every route and every frame that the server's own documents list: a new one without a row
//! here fails.

use parlor_tests::client::id;
use parlor_tests::files::PNG;
use parlor_tests::http::{self, Answer};
use parlor_tests::{Files, Rooms, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What somebody gets: a status, and the code of a refusal or nothing.
type Gets = (u16, &'static str);

/// Who may do it.
enum Who {
    /// Everybody, without a token too.
    Public(Gets),
    /// Whoever has a token, for themselves.
    Own(u16),
    /// It depends on who they are.
    Each { stranger: Gets, member: Gets, admin: Gets, owner: Gets },
}

struct Row {
    operation: &'static str,
    body: fn() -> Value,
    who: Who,
}

const fn row(operation: &'static str, body: fn() -> Value, who: Who) -> Row {
    Row { operation, body, who }
}

/// A room's: its owner may, its members may or are told why not, and for all others it is not there. An admin is nobody
/// special in it.
const fn of_room(member: Gets, owner: u16) -> Who {
    Who::Each { stranger: NO_ROOM, member, admin: NO_ROOM, owner: (owner, "") }
}

/// A session's: for all but its owner it is not there.
const fn of_session(owner: u16) -> Who {
    Who::Each { stranger: NO_SESSION, member: NO_SESSION, admin: NO_SESSION, owner: (owner, "") }
}

/// A job's: for all but its owner it is not there.
const OF_JOB: Who = Who::Each { stranger: NO_JOB, member: NO_JOB, admin: NO_JOB, owner: (200, "") };
/// A private assistant's: for all but its owner it is not there.
const fn of_assistant(owner: u16) -> Who {
    const NONE: Gets = (404, "NOT_FOUND");
    Who::Each { stranger: NONE, member: NONE, admin: NONE, owner: (owner, "") }
}

/// A document's of a room.
const fn of_document(member: Gets, owner: u16) -> Who {
    Who::Each { stranger: NO_DOCUMENT, member, admin: NO_DOCUMENT, owner: (owner, "") }
}

/// A file's that was uploaded into a room: its members may read it.
const fn of_file(member: Gets, owner: u16) -> Who {
    Who::Each { stranger: NO_FILE, member, admin: NO_FILE, owner: (owner, "") }
}

/// The server's own affairs.
const FOR_ADMINS: Who =
    Who::Each { stranger: FORBIDDEN, member: FORBIDDEN, admin: (200, ""), owner: FORBIDDEN };
const NO_ROOM: Gets = (404, "ROOM_NOT_FOUND");
const NO_SESSION: Gets = (404, "CONVERSATION_NOT_FOUND");
const NO_JOB: Gets = (404, "JOB_NOT_FOUND");
const NO_DOCUMENT: Gets = (404, "NOT_FOUND");
const NO_FILE: Gets = (404, "UPLOAD_NOT_FOUND");
const NO_FORM: Gets = (400, "INVALID_REQUEST");
const FORBIDDEN: Gets = (403, "FORBIDDEN");
const CONFLICT: Gets = (409, "CONFLICT");

fn nothing() -> Value {
    Value::Null
}

/// In this order: what deletes comes last of its kind, and what ends the callers' sign-ins last of all.
const ROUTES: &[Row] = &[
    row("GET /health", nothing, Who::Public((200, ""))),
    row("GET /health/live", nothing, Who::Public((200, ""))),
    row("GET /health/ready", nothing, Who::Public((200, ""))),
    row("GET /openapi.json", nothing, Who::Public((200, ""))),
    row("GET /asyncapi.json", nothing, Who::Public((200, ""))),
    row("POST /auth/signup", || credentials("a long enough secret"), Who::Public((201, ""))),
    row("POST /auth/verify-email", code, Who::Public((401, "INVALID_CODE"))),
    row("POST /auth/signin", || credentials("not the right one"), Who::Public((401, "INVALID_CREDENTIALS"))),
    row("POST /auth/verify-signin", code, Who::Public((401, "INVALID_CODE"))),
    row("POST /auth/refresh", || json!({"refresh_token": "nonsense"}), Who::Public((401, "INVALID_TOKEN"))),
    row("POST /auth/guest", nothing, Who::Public((201, ""))),
    row("GET /api/v1/config", nothing, Who::Public((200, ""))),
    row("GET /api/v1/users/me", nothing, Who::Own(200)),
    row("PATCH /api/v1/users/me", || json!({"profile": {}}), Who::Own(200)),
    row("POST /api/v1/ws/token", nothing, Who::Own(200)),
    row("GET /api/v1/ws/rooms", nothing, Who::Own(200)),
    row(
        "POST /api/v1/ws/rooms",
        || json!({"room_id": "secret"}),
        Who::Each { stranger: CONFLICT, member: CONFLICT, admin: CONFLICT, owner: CONFLICT },
    ),
    row("GET /api/v1/ws/rooms/{room_id}", nothing, of_room((200, ""), 200)),
    row("GET /api/v1/ws/rooms/{room_id}/members", nothing, of_room((200, ""), 200)),
    row("POST /api/v1/ai/chat", || json!({"message": "echo hello"}), Who::Own(200)),
    row("POST /api/v1/ai/embeddings", || json!({"text": "a text"}), Who::Own(200)),
    row("GET /api/v1/ws/rooms/{room_id}/assistant", nothing, of_room((200, ""), 200)),
    row("PUT /api/v1/ws/rooms/{room_id}/assistant", || json!({"assistant": null}), of_room(FORBIDDEN, 200)),
    row("GET /api/v1/ai/documents", nothing, Who::Own(200)),
    row("POST /api/v1/ai/documents", document, of_room(FORBIDDEN, 201)),
    row("GET /api/v1/ai/documents/{document_id}", nothing, of_document((200, ""), 200)),
    row("DELETE /api/v1/ai/documents/{document_id}", nothing, of_document(FORBIDDEN, 204)),
    row("GET /api/v1/files", nothing, Who::Own(200)),
    row(
        "POST /api/v1/files",
        nothing,
        Who::Each { stranger: NO_FORM, member: NO_FORM, admin: NO_FORM, owner: NO_FORM },
    ),
    row("GET /api/v1/files/{file_id}", nothing, of_file((200, ""), 200)),
    row("GET /api/v1/files/{file_id}/preview", nothing, of_file((200, ""), 200)),
    row("POST /api/v1/files/{file_id}/link", nothing, of_file((200, ""), 200)),
    row("DELETE /api/v1/files/{file_id}", nothing, of_file(FORBIDDEN, 204)),
    row("DELETE /api/v1/ws/rooms/{room_id}", nothing, of_room(FORBIDDEN, 204)),
    row("GET /api/v1/ai/assistants", nothing, Who::Own(200)),
    row("POST /api/v1/ai/assistants", || json!({"name": "chef"}), Who::Own(201)),
    row("GET /api/v1/ai/assistants/{assistant_id}", nothing, of_assistant(200)),
    row("PATCH /api/v1/ai/assistants/{assistant_id}", || json!({"displayName": "Cook"}), of_assistant(200)),
    row("DELETE /api/v1/ai/assistants/{assistant_id}", nothing, of_assistant(204)),
    row("GET /chat/sessions", nothing, Who::Own(200)),
    row("GET /chat/sessions/{session_id}", nothing, of_session(200)),
    row("GET /chat/sessions/{session_id}/export", nothing, of_session(200)),
    row("DELETE /chat/sessions/{session_id}", nothing, of_session(204)),
    row("POST /chat/sessions/{session_id}/restore", nothing, of_session(200)),
    row("POST /api/v1/ai/conversations", nothing, Who::Own(201)),
    row("GET /api/v1/ai/conversations", nothing, Who::Own(200)),
    row("GET /api/v1/ai/conversations/{conversation_id}", nothing, of_session(200)),
    row("PATCH /api/v1/ai/conversations/{conversation_id}", || json!({"title": "mine"}), of_session(200)),
    row("DELETE /api/v1/ai/conversations/{conversation_id}", nothing, of_session(204)),
    row("GET /api/v1/ai/usage", nothing, Who::Own(200)),
    row("POST /api/v1/ai/jobs", job, Who::Own(202)),
    row("GET /api/v1/ai/jobs", nothing, Who::Own(200)),
    row("GET /api/v1/ai/jobs/{job_id}", nothing, OF_JOB),
    row("DELETE /api/v1/ai/jobs/{job_id}", nothing, OF_JOB),
    row("GET /api/v1/admin/jobs", nothing, FOR_ADMINS),
    row("GET /api/v1/ws/stats", nothing, FOR_ADMINS),
    row("GET /api/v1/admin/audit", nothing, FOR_ADMINS),
    row("GET /api/v1/admin/usage", nothing, FOR_ADMINS),
    row("GET /api/v1/admin/live", nothing, FOR_ADMINS),
    row("GET /v1/models", nothing, Who::Own(200)),
    row("POST /v1/chat/completions", completion, Who::Own(200)),
    row("POST /auth/signout", nothing, Who::Own(204)),
];

fn job() -> Value {
    json!({"type": "generate-completion", "message": "echo hello"})
}

fn completion() -> Value {
    json!({"messages": [{"role": "user", "content": "echo hello"}]})
}

/// One of the room, which is not there for strangers.
fn document() -> Value {
    json!({"title": "A title", "content": "a secret", "attachTo": {"roomId": "secret"}})
}

fn credentials(password: &str) -> Value {
    json!({"email": "nobody@example.org", "password": password})
}

fn code() -> Value {
    json!({"email": "nobody@example.org", "code": "000000"})
}

/// The status and the code of a refusal, in the form that the route's clients read.
fn refusal(path: &str, answer: &Answer) -> (u16, String) {
    if !path.starts_with("/v1/") {
        return answer.refusal();
    }
    let error = &answer.json()["error"];
    assert!(error["message"].is_string() && error["type"].is_string(), "{error}");
    (answer.status, id(&error["code"]))
}

/// All of an answer but when it was given.
fn timeless(answer: &Answer) -> (u16, Vec<&str>, &str) {
    let head = answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
    (answer.status, head.collect(), &answer.body)
}

/// Every operation of the document, and whether it asks for a token.
fn operations(openapi: &Value) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if ["get", "put", "post", "delete", "patch", "head", "options"].contains(&method.as_str()) {
                let secured = operation["security"].as_array().is_some_and(|it| !it.is_empty());
                found.push((format!("{} {path}", method.to_ascii_uppercase()), secured));
            }
        }
    }
    found
}

/// Protects: no route serves who has no token, a token for sockets alone, or no part in what it is about; a member does
/// not get what is its owner's, nor an admin what is neither's. What one has no part in is, to the letter, not there.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_strangers() {
    let app = TestApp::start().await;
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| app.token(&format!("{name}@example.org")));
    let admin = app.admin_token("root@example.org");
    let (mut ann_rooms, bob_rooms) = (app.rooms(&ann).await, app.rooms(&bob).await);
    ann_rooms.enter("secret", "group").await;
    ann_rooms.ask("add_member", json!({"room_id": "secret", "user_id": bob_rooms.user})).await;
    ann_rooms.until("add_member").await;
    let session = app.asker(&ann).await.new_session("echo a secret").await;
    let made = app.ask(&ann, "POST", "/api/v1/ai/assistants", json!({"name": "own"})).await.json();
    let assistant = id(&made["id"]);
    let file = Files::new(&app, &ann).add(&[("room_id", "secret")], "red.png", PNG).await;
    let no_file = format!("{}{}", &file[..35], if file.ends_with('0') { '1' } else { '0' });
    // Of the same form as one that is there, and nobody's.
    let nobodys = format!("{}{}", &session[..35], if session.ends_with('0') { '1' } else { '0' });
    let work = json!({"type": "generate-completion", "message": "echo a secret"});
    let job = id(&app.ask(&ann, "POST", "/api/v1/ai/jobs", work).await.json()["jobId"]);
    let document = id(&app.ask(&ann, "POST", "/api/v1/ai/documents", document()).await.json()["id"]);
    let issued = app.ask(&ann, "POST", "/api/v1/ws/token", Value::Null).await.json();
    let socket = id(&issued["token"]);

    let listed = operations(&app.get("/openapi.json").await.json());
    let known: BTreeSet<&str> = ROUTES.iter().map(|row| row.operation).collect();
    let there: BTreeSet<&str> = listed.iter().map(|(operation, _)| operation.as_str()).collect();
    assert_eq!(there, known, "each route has a row");
    for Row { operation, body, who } in ROUTES {
        let secured = listed.iter().any(|(listed, secured)| listed == operation && *secured);
        let (method, form) = operation.split_once(' ').unwrap();
        let named = |room: &str, session: &str, job: &str, assistant: &str, document: &str, file: &str| {
            form.replace("{room_id}", room)
                .replace("{session_id}", session)
                .replace("{conversation_id}", session)
                .replace("{job_id}", job)
                .replace("{assistant_id}", assistant)
                .replace("{document_id}", document)
                .replace("{file_id}", file)
        };
        let path = named("secret", &session, &job, &assistant, &document, &file);
        let absent = named("nowhere", &nobodys, &nobodys, &nobodys, &nobodys, &no_file);
        let ask = async |token: Option<&str>| http::ask(app.address(), method, &path, token, &body()).await;
        let gets = async |token: Option<&str>, (status, code): Gets| {
            let answer = ask(token).await;
            assert_eq!(answer.status, status, "{operation}: {}", answer.body);
            if !code.is_empty() {
                assert_eq!(refusal(&path, &answer).1, code, "{operation}");
            }
            answer
        };
        let (stranger, member, admins, owner) = match who {
            Who::Public(public) => {
                assert!(!secured, "{operation} says that it asks for a token");
                gets(None, *public).await;
                continue;
            }
            Who::Own(status) => ((*status, ""), (*status, ""), (*status, ""), (*status, "")),
            Who::Each { stranger, member, admin, owner } => (*stranger, *member, *admin, *owner),
        };
        assert!(secured, "{operation} does not say that it asks for a token");
        gets(None, (401, "UNAUTHENTICATED")).await;
        gets(Some("nonsense"), (401, "INVALID_TOKEN")).await;
        gets(Some(&socket), FORBIDDEN).await;
        for (token, expect) in [(&eve, stranger), (&bob, member), (&admin, admins)] {
            let answer = gets(Some(token), expect).await;
            if expect.0 == 404 {
                let nothing = http::ask(app.address(), method, &absent, Some(token), &body()).await;
                assert_eq!(timeless(&answer), timeless(&nothing), "{operation}");
            }
            assert!(!answer.body.contains("a secret"), "{operation}: {}", answer.body);
            // A member may know the room, and the audit log names what was deleted.
            assert!(*token != eve || !answer.body.contains("secret\""), "{operation}: {}", answer.body);
        }
        gets(Some(&ann), owner).await;
    }
    // Three people tried to export, to delete (by two routes) and to restore the session.
    let log = app.ask(&app.admin_token("root@example.org"), "GET", AUDIT, Value::Null).await.json();
    let tries = log["data"].as_array().unwrap().iter().filter(|it| it["subject"] == session.as_str());
    assert_eq!(tries.filter(|it| it["outcome"] == "CONVERSATION_NOT_FOUND").count(), 12, "{log}");
}

const AUDIT: &str = "/api/v1/admin/audit?limit=200";

/// The types of the frames that the document lists for a dialect.
async fn listed_frames(app: &TestApp, dialect: &str) -> BTreeSet<String> {
    let asyncapi = app.get("/asyncapi.json").await.json();
    let messages = asyncapi["operations"][format!("{dialect}.receive")]["messages"].as_array().unwrap();
    messages.iter().map(|it| id(&it["$ref"]).rsplit('.').next().unwrap().to_owned()).collect()
}

/// Protects: a session that is somebody else's takes no question, whoever asks, and is to the letter not there; nor is a
/// room for who is no member of it.
#[tokio::test(flavor = "multi_thread")]
async fn every_question_refuses_strangers() {
    let app = TestApp::start().await;
    let ann = app.token("ann@example.org");
    let mut rooms = app.rooms(&ann).await;
    let room = id(&rooms.enter("secret", "group").await["conversation_id"]);
    let session = app.asker(&ann).await.new_session("echo a secret").await;
    let before = (app.history(&ann).get(&format!("/{session}")).await, rooms.whole_history("secret").await);
    // `auth` and `ping` name no session.
    assert_eq!(listed_frames(&app, "sessions").await, ["auth", "ping", "request"].map(str::to_owned).into());
    for token in [app.token("eve@example.org"), app.admin_token("root@example.org")] {
        let mut eve = app.asker(&token).await;
        for place in [&session, &room] {
            let nobodys = format!("{}{}", &place[..35], if place.ends_with('0') { '1' } else { '0' });
            for stream in [false, true] {
                let request = json!({"message": "tell me", "session_id": place, "stream": stream});
                let error = eve.refused(request, NO_SESSION.1).await;
                let request = json!({"message": "tell me", "session_id": nobodys, "stream": stream});
                let nothing = eve.refused(request, NO_SESSION.1).await;
                assert_eq!(error.to_string().replace(place, &nobodys), nothing.to_string());
            }
        }
        assert_eq!(eve.pending().await, Vec::<Value>::new());
        assert_eq!(app.history(&token).list("").await, Vec::<Value>::new());
    }
    let after = (app.history(&ann).get(&format!("/{session}")).await, rooms.whole_history("secret").await);
    assert_eq!(after, before);
}

/// What a stranger is told for a frame about the room `secret` and a message in it; none for what names no room.
fn frames(message: &str, user: &str) -> Vec<(&'static str, Value, Option<&'static str>)> {
    let room = "secret";
    vec![
        ("auth", Value::Null, None),
        ("ping", Value::Null, None),
        ("subscribe_live", Value::Null, Some("FORBIDDEN")),
        ("unsubscribe_live", Value::Null, None),
        ("chat", json!({"room_id": room, "message": "hi"}), Some("ROOM_NOT_FOUND")),
        ("join_room", json!({"room_id": room}), Some("ROOM_ACCESS_DENIED")),
        ("leave_room", json!({"room_id": room}), Some("ROOM_NOT_FOUND")),
        ("delete_room", json!({"room_id": room}), Some("ROOM_NOT_FOUND")),
        ("add_member", json!({"room_id": room, "user_id": user}), Some("ROOM_NOT_FOUND")),
        ("remove_member", json!({"room_id": room, "user_id": user}), Some("ROOM_NOT_FOUND")),
        ("typing", json!({"room_id": room, "is_typing": true}), Some("ROOM_NOT_FOUND")),
        ("read", json!({"room_id": room, "seq": 1}), Some("ROOM_NOT_FOUND")),
        ("history", json!({"room_id": room}), Some("ROOM_NOT_FOUND")),
        ("edit", json!({"message_id": message, "message": "mine"}), Some("MESSAGE_NOT_FOUND")),
        ("delete", json!({"message_id": message}), Some("MESSAGE_NOT_FOUND")),
        ("react", json!({"message_id": message, "emoji": "👍"}), Some("MESSAGE_NOT_FOUND")),
        ("stop", json!({"room_id": room}), Some("ROOM_NOT_FOUND")),
        (
            "file_upload",
            json!({"room_id": room, "upload_type": "init", "file_name": "a.txt", "file_size": 1}),
            Some("ROOM_NOT_FOUND"),
        ),
        ("regenerate", json!({"room_id": room, "message_id": message}), Some("ROOM_NOT_FOUND")),
        ("resume", json!({"positions": [{"room_id": room, "seq": 0}]}), Some("ROOM_NOT_FOUND")),
    ]
}

/// Protects: no frame reads or changes anything of a room for who is no member of it.
#[tokio::test(flavor = "multi_thread")]
async fn every_frame_refuses_strangers() {
    let app = TestApp::start().await;
    let ann_token = app.token("ann@example.org");
    let mut ann = app.rooms(&ann_token).await;
    let mut eve: Rooms = app.rooms(&app.token("eve@example.org")).await;
    ann.enter("secret", "group").await;
    let message = id(&ann.say("secret", "between us").await["server_message_id"]);
    let before = (ann.whole_history("secret").await, app.room(&ann_token, "secret").await);

    let listed = listed_frames(&app, "rooms").await;
    let frames = frames(&message, &eve.user);
    let known: BTreeSet<String> = frames.iter().map(|(kind, ..)| (*kind).to_owned()).collect();
    assert_eq!(listed, known, "each frame has a row");
    for (kind, data, code) in frames {
        let Some(code) = code else { continue };
        eprintln!("{kind}"); // shown where it is not answered
        eve.ask(kind, data).await;
        eve.expect_error(code).await;
    }
    eve.barrier().await;
    ann.barrier().await;
    assert_eq!((ann.whole_history("secret").await, app.room(&ann_token, "secret").await), before);
}
