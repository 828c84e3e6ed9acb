//! The end-to-end tests' own tools: they start the real `parlor` binary and talk to it as strangers do.
//!
//! Where it stands in a message's way: outside, at both ends. Nothing of the server's code is used here, neither
//! its frames nor its socket library, so that a mistake in them cannot hide itself.
//!
//! - [`TestApp`]: the server in a folder of its own, which can be killed, drained and started again.
//! - [`Client`]: a WebSocket client on an independent implementation; [`raw::RawSocket`] sends what no client would.
//! - [`Rooms`]: the same in the `rooms` dialect, with [`Reply`] and [`RoomMirror`] for [`Turn`] and [`Mirror`].
//! - [`BrokerUser`] and [`Worker`]: the two sides of the `broker` dialect.
//! - [`Asker`] and [`History`]: the `sessions` dialect, and what it leaves over HTTP.
//! - [`Io`]: the namespace of Socket.IO.
//! - [`S3`]: an object store of other people's making.
//! - [`Clamd`]: a virus scanner that knows one virus.
//! - [`Files`] and [`files::Upload`]: files over HTTP and over sockets.
//! - [`Turn`]: one AI reply as a client sees it.
//! - [`Mirror`]: what a client knows of a conversation, and whether a frame contradicts it.
//! - [`FakeProvider`]: an LLM API that fails exactly as it is told; [`tools`] starts other people's programs.
//! - [`Workers`]: the real `parlor worker`, several processes of it; [`TlsProxy`] stands before their server.
//! - [`Postgres`]: a database server of the test's own.
//! - [`Person`]: somebody with an account, who reads their mail in the server's [`Outbox`]; [`MailServer`] is a real one.
//! - [`Issuer`]: another issuer of tokens, with its keys; [`Visitor`] comes from an IP address of its own.
//!
//! ```
//! use parlor_tests::Mirror;
//! use serde_json::json;
//!
//! let mut mirror = Mirror::default();
//! let message = |seq| json!({"type": "message_received", "data": {"message": {"id": format!("m{seq}"), "seq": seq, "content": "hi"}}});
//! mirror.apply(&message(1)).unwrap();
//! assert!(mirror.apply(&message(3)).unwrap_err().contains("gap"));
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test's tool reports by panicking: that is how the test fails"
)]

pub mod app;
pub mod broker;
pub mod chance;
pub mod clamd;
pub mod client;
pub mod files;
pub mod http;
pub mod issuer;
pub mod mail;
pub mod mirror;
pub mod person;
pub mod postgres;
pub mod process;
pub mod provider;
pub mod raw;
pub mod room_mirror;
pub mod rooms;
pub mod s3;
pub mod sessions;
pub mod socketio;
pub mod tls;
pub mod tools;
pub mod turn;
pub mod visitor;
pub mod workers;

pub use app::{TestApp, TestAppBuilder};
pub use broker::{BrokerUser, Worker};
pub use chance::Chance;
pub use clamd::Clamd;
pub use client::{Client, Credential, Incoming};
pub use files::Files;
pub use issuer::{Issuer, SigningKey};
pub use mail::{MailServer, Outbox};
pub use mirror::Mirror;
pub use person::{Person, Tokens};
pub use postgres::Postgres;
pub use provider::FakeProvider;
pub use room_mirror::RoomMirror;
pub use rooms::{Reply, Rooms};
pub use s3::S3;
pub use sessions::{Asker, History};
pub use socketio::{Io, IoIncoming};
pub use tls::TlsProxy;
pub use turn::{LiveTurn, Turn};
pub use visitor::Visitor;
pub use workers::Workers;

use std::time::Duration;

/// How long a test waits for what should come at once. Generous: the machine may be busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);
