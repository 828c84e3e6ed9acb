//! Both sides of the `broker` dialect, on the same independent implementation: a user's connection and a worker's.

mod user;
mod worker;

pub use user::BrokerUser;
pub use worker::{EchoWorker, Worker, either};

use crate::client::Client;
use serde_json::Value;

/// Where the dialect is spoken.
pub const PATH: &str = "/ws";
/// What lets workers in, where a test does not choose its own.
pub const SERVICE_KEY: &str = "a-service-key-of-the-end-to-end-tests";

/// The names of a frame's fields, in the order of the alphabet.
pub fn fields(frame: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = frame.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The next frame must be an error with this code: here its fields stand beside its type.
pub async fn expect_refusal(client: &mut Client, code: &str) -> Value {
    let frame = client.expect("error").await;
    assert_eq!(frame["code"], code, "{frame}");
    assert!(frame["message"].as_str().is_some_and(|words| !words.is_empty()), "{frame}");
    frame
}

/// The next error, whatever came before it, which must have this code.
pub async fn until_refusal(client: &mut Client, code: &str) -> Value {
    let frame = client.until_any("error").await;
    assert_eq!(frame["code"], code, "{frame}");
    frame
}
