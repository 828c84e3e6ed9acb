//! What the server says of itself.

use super::super::{asyncapi, documents};
use super::world::{World, named};
use axum::body::Body;
use axum::http::Request;
use parlor_domain::ErrorCode;
use parlor_protocol::{broker, conversations, rooms, sessions, socketio};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The documents, without the version that changes with every release.
fn texts() -> [Value; 2] {
    let openapi = serde_json::to_value(documents::describe()).unwrap();
    [openapi, asyncapi::describe()].map(|mut document| {
        document["info"]["version"] = json!("0.0.0");
        document
    })
}

/// Every `$ref` in `value`.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(values) => values.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for document in texts() {
        let references = references(&document);
        assert!(references.len() > 10);
        for reference in references {
            let pointer = reference.strip_prefix('#').expect("all is in one document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}

/// Protects the clients that are generated from the documents: a change of them is seen.
#[test]
fn the_documents_keep_their_shape() {
    let [openapi, asyncapi] = texts();
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&openapi).unwrap());
    insta::assert_snapshot!("asyncapi", serde_json::to_string_pretty(&asyncapi).unwrap());
}

/// Protects generators of clients: `OpenAPI` 3.1 wants every answer described.
#[test]
fn every_answer_is_described() {
    let [document, _] = texts();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{path}");
            for answer in operation["responses"].as_object().unwrap().values() {
                assert!(answer.get("description").or(answer.get("$ref")).is_some(), "{path}: {answer}");
            }
        }
    }
}

/// Protects readers from promises: what is documented is served. (What is served is documented by the table.)
#[tokio::test]
async fn every_documented_route_is_served() {
    let world = World::new().await;
    let [openapi, _] = texts();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let request = Request::builder().method(method.as_str()).uri(named(path));
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            let unserved = answer.status == 405 || answer.body["code"] == "NOT_FOUND";
            assert!(!unserved, "{method} {path}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn the_documents_and_the_page_are_served() {
    let world = World::new().await;
    let get = async |path: &str| world.send(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(get("/openapi.json").await.body["openapi"], "3.1.0");
    assert_eq!(get("/asyncapi.json").await.body["asyncapi"], "3.0.0");
    let page = get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
}

/// The kinds of frames that `channel`'s `sender` has in the document.
fn kinds(document: &Value, channel: &str, sender: &str) -> Vec<String> {
    let prefix = format!("{channel}.{sender}.");
    let messages = document["components"]["messages"].as_object().unwrap().keys();
    messages.filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned)).collect()
}

/// Protects readers from frames that are not there.
#[test]
fn every_documented_frame_of_a_client_is_known() {
    let [_, document] = texts();
    for kind in kinds(&document, "conversations", "client") {
        let known = conversations::ClientFrame::parse(&json!({"type": kind, "data": {}}).to_string());
        assert_ne!(known.err().map(|error| error.code), Some(ErrorCode::UnknownType), "{kind}");
    }
    for kind in kinds(&document, "rooms", "client") {
        let known = rooms::ClientFrame::parse(&json!({"type": kind, "data": {}}).to_string());
        assert_ne!(known.err().map(|error| error.code), Some(ErrorCode::UnknownType), "{kind}");
    }
    let sorted = |kinds: &[&str]| kinds.iter().copied().map(str::to_owned).collect::<BTreeSet<_>>();
    let listed = |channel| kinds(&document, channel, "client").into_iter().collect::<BTreeSet<_>>();
    assert_eq!(listed("broker"), sorted(broker::UserFrame::KINDS));
    assert_eq!(listed("workers"), sorted(broker::WorkerFrame::KINDS));
    // A request has no `type`, and so no word for it.
    let words: Vec<_> = sessions::ClientFrame::KINDS.iter().copied().chain(["request"]).collect();
    assert_eq!(listed("sessions"), sorted(&words));
    let request = &document["components"]["messages"]["sessions.client.request"]["payload"];
    assert_eq!(request["required"], json!(["message"]));
    assert!(request["properties"].get("type").is_none(), "{request}");
}

/// Protects clients of Socket.IO: each event that there is, under its own name, and no field that only a frame has.
#[test]
fn the_events_of_the_namespace_are_described() {
    let [_, document] = texts();
    let of = |sender: &str| {
        let prefix = format!("socketio.{sender}.");
        let messages = document["components"]["messages"].as_object().unwrap();
        let own = messages.iter().filter(|(key, _)| key.starts_with(&prefix));
        own.map(|(_, message)| message["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(of("server"), socketio::ServerEvent::NAMES.map(str::to_owned).into());
    assert_eq!(of("client"), ["connect", "chat:start", "chat:stop"].map(str::to_owned).into());
    let start = &document["components"]["messages"]["socketio.client.chat.start"]["payload"];
    assert_eq!(start["required"], json!(["message"]));
    assert!(
        start["properties"].get("type").is_none() && start["properties"]["maxTokens"].is_object(),
        "{start}"
    );
    let allowed = |name: &String| name.chars().all(|it| it.is_ascii_alphanumeric() || ".-_".contains(it));
    for part in ["messages", "schemas", "securitySchemes"] {
        for name in document["components"][part].as_object().unwrap().keys() {
            assert!(allowed(name), "{name} is no name of a component");
        }
    }
}

/// Protects readers from frames that nobody told them of: the enums' own lists are taken over whole.
#[test]
fn the_frames_of_the_server_are_those_of_the_enums() {
    let [_, document] = texts();
    for kind in ["ai_auth_success", "process_message", "ai_response_ack", "cancel_message", "pong", "error"] {
        assert!(kinds(&document, "workers", "server").iter().any(|it| it == kind), "{kind}");
    }
    let task = &document["components"]["messages"]["workers.server.process_message"]["payload"];
    assert!(task["properties"]["conversation_context"].is_object(), "{task}");
    assert_eq!(
        kinds(&document, "sessions", "server"),
        ["chunk", "connected", "error", "message", "pong", "typing"]
    );
    for channel in ["conversations", "rooms", "broker"] {
        let kinds = kinds(&document, channel, "server");
        for kind in ["typing", "history", "resumed", "pong", "error"] {
            assert!(kinds.iter().any(|it| it.starts_with(kind)), "{channel}: {kind} is not in {kinds:?}");
        }
    }
    for (name, message) in document["components"]["messages"].as_object().unwrap() {
        assert!(!message["name"].as_str().unwrap().is_empty(), "{name}");
        assert!(!message["summary"].as_str().unwrap().is_empty(), "{name}");
        let fields = message["payload"]["properties"].as_object().unwrap();
        assert!(fields.values().all(Value::is_object), "{name}: {fields:?}");
    }
}
