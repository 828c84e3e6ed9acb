//! Vectors of texts from a server: what is asked, in which order it comes back, and what a bad one does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use parlor_ai::embeddings::{EmbedderConfig, OpenAiEmbedder};
use parlor_ai::{Kind, ProviderConfig};
use parlor_domain::ports::{BackendError, Embedder};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that gives each text a vector of its length, after it has refused the first requests with these statuses.
struct Server {
    root: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(refusals: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let (asked, refusals) = (Arc::default(), Arc::new(Mutex::new(refusals.to_vec())));
        let seen = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, Arc::clone(&seen), Arc::clone(&refusals)));
            }
        });
        Self { root, asked, task }
    }

    fn client(&self) -> OpenAiEmbedder {
        let server = ProviderConfig {
            base_url: format!("{}/v1", self.root),
            api_key: Some("sk-secret".to_owned()),
            ..ProviderConfig::new(Kind::OpenAi)
        };
        OpenAiEmbedder::new(EmbedderConfig { server, model: "small".to_owned(), models: None }).unwrap()
    }

    fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut socket: TcpStream,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    refusals: Arc<Mutex<Vec<&'static str>>>,
) {
    let mut received = Vec::new();
    loop {
        let (head, body) = loop {
            if let Some(request) = take(&mut received) {
                break request;
            }
            if socket.read_buf(&mut received).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap();
        let model = body["model"].clone();
        asked.lock().unwrap().push((head, body));
        let refusal = {
            let mut refusals = refusals.lock().unwrap();
            (!refusals.is_empty()).then(|| refusals.remove(0))
        };
        // The last text's vector stands first: servers give the place of each.
        let data = texts
            .iter()
            .enumerate()
            .rev()
            .map(|(index, it)| json!({"index": index, "embedding": [it.len(), 1]}));
        let tokens: usize = texts.iter().map(String::len).sum();
        let answer = json!({"data": data.collect::<Vec<_>>(), "model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}});
        let (status, body) = match refusal {
            Some(status) => (status, r#"{"error":{"message":"no for sk-secret"}}"#.to_owned()),
            None => ("200 OK", answer.to_string()),
        };
        let response = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if socket.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn take(received: &mut Vec<u8>) -> Option<(String, Value)> {
    let text = std::str::from_utf8(received).ok()?;
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().unwrap();
    let body = serde_json::from_str(rest.get(..length)?).unwrap();
    let (head, all) = (head.to_owned(), head.len() + 4 + length);
    received.drain(..all);
    Some((head, body))
}

/// Protects documents of any length: their chunks go in several requests, and each gets its own vector back.
#[tokio::test]
async fn many_texts_go_in_several_requests_and_come_back_in_their_order() {
    let server = Server::start(&[]).await;
    let texts: Vec<String> = (1..=200).map(|length| "x".repeat(length)).collect();
    let made = server.client().embed(&texts, "small").await.unwrap();
    let expect: Vec<Vec<f32>> = (1_u16..=200).map(|length| vec![f32::from(length), 1.0]).collect();
    assert_eq!((made.vectors, made.tokens, made.model.as_str()), (expect, 20_100, "small"));
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    let (head, body) = &asked[0];
    assert!(head.starts_with("POST /v1/embeddings "), "{head}");
    assert!(head.contains("authorization: Bearer sk-secret"), "{head}");
    assert_eq!((&body["model"], &body["encoding_format"]), (&json!("small"), &json!("float")));
}

/// Protects indexing from a server that is busy: what fails in passing is asked again, and nothing else is.
#[tokio::test]
async fn what_fails_in_passing_is_tried_again() {
    let texts = ["a".to_owned()];
    let server = Server::start(&["503 Service Unavailable", "429 Too Many Requests\r\nRetry-After: 0"]).await;
    assert_eq!(server.client().embed(&texts, "small").await.unwrap().vectors, [[1.0, 1.0]]);
    assert_eq!(server.asked().len(), 3);

    let server = Server::start(&["401 Unauthorized"]).await;
    let Err(BackendError::Status { status, message, .. }) = server.client().embed(&texts, "small").await
    else {
        panic!("it was not refused")
    };
    assert_eq!((status, message.as_str()), (401, "no for ***"));
    assert_eq!(server.asked().len(), 1);

    let server = Server::start(&["500 Internal Server Error"; 9]).await;
    assert!(server.client().embed(&texts, "small").await.is_err());
    assert_eq!(server.asked().len(), 4, "it is not asked for ever");
}

/// Protects who waits: a server that asks for more patience than a call has is not waited for.
#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_for_long_is() {
    let server = Server::start(&["429 Too Many Requests\r\nRetry-After: 3600"]).await;
    let begun = std::time::Instant::now();
    assert!(server.client().embed(&["a".to_owned()], "small").await.is_err());
    assert!(begun.elapsed() < std::time::Duration::from_secs(60));
}
