//! What is measured: Parlor, or a reference. Both speak the same frames, so that the load generator drives them by
//! the same code and only the server differs.

use crate::Result;
use crate::connection::Connection;
use crate::place::{Dialect, Place, message};
use crate::process::{Process, copy_folder, free_address};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use parlor_protocol::conversations::ServerFrame;
use parlor_protocol::{ConversationId, RoomId};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// Seconds between two pings: the one setting of the server that the bare ones have too.
pub(crate) const HEARTBEAT: &str = "WEBSOCKET_HEARTBEAT_INTERVAL";
/// The server's limits, which are off while it is measured.
const LIMITS: [&str; 4] = [
    "WEBSOCKET_MAX_CONNECTIONS",
    "WS_MAX_CONNECTIONS_PER_USER",
    "WS_RATE_LIMIT_REQUESTS",
    "WS_CHAT_RATE_LIMIT_REQUESTS",
];
/// How many connections are opened at once: a server may cap those that have not authenticated yet.
const OPENING: usize = 32;
/// The data folder's name in the server's own folder.
const DATA: &str = "data";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The real one.
    Parlor,
    /// The bare broadcast, which stores nothing.
    Bare,
    /// The bare broadcast with a bare append before it.
    BareDurable,
}

/// What a server finds in its data folder.
#[derive(Clone, Copy)]
pub(crate) enum Data<'a> {
    /// The prepared users.
    Users,
    /// There is no such folder.
    Nothing,
    /// What one that has ended has left.
    Of(&'a Subject),
}

/// Parlor's binary, and a data folder with users in it that each run gets a copy of.
pub(crate) struct Parlor {
    binary: PathBuf,
    template: TempDir,
    tokens: Vec<String>,
}

impl Parlor {
    /// Makes the folder with `users` users.
    pub(crate) async fn prepare(binary: PathBuf, users: usize) -> Result<Self> {
        let template = TempDir::with_prefix("parlor-bench-")?;
        let mut tokens = Vec::with_capacity(users);
        for user in 0..users {
            let email = format!("bench-{user}@example.com");
            tokens.push(make_token(&binary, template.path(), &email).await?);
        }
        Ok(Self { binary, template, tokens })
    }

    /// Starts it on a data folder of its own.
    pub(crate) async fn start(&self, environment: &[(&str, String)], data: Data<'_>) -> Result<Subject> {
        let address = free_address()?;
        let folder = TempDir::with_prefix("parlor-bench-")?;
        let own = folder.path().join(DATA);
        match data {
            Data::Users => copy_folder(self.template.path(), &own)?,
            Data::Of(ended) => copy_folder(&ended.process.folder().join(DATA), &own)?,
            Data::Nothing => {}
        }
        let mut command = Command::new(&self.binary);
        command.arg("serve").arg("--data-dir").arg(&own).env_clear();
        command.env("HOST", address.ip().to_string()).env("PORT", address.port().to_string());
        command.env("LOG_LEVEL", "warn");
        for limit in LIMITS {
            command.env(limit, "0");
        }
        command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
        let process = Process::start(command, address, folder).await?;
        Ok(Subject { process, tokens: self.tokens.clone() })
    }
}

/// Starts a reference: this binary again, as a process of its own.
pub(crate) async fn start_bare(environment: &[(&str, String)], durable: bool) -> Result<Subject> {
    let address = free_address()?;
    let folder = TempDir::with_prefix("parlor-bench-")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare").arg("--port").arg(address.port().to_string()).env_clear();
    if let Some((_, seconds)) = environment.iter().find(|(name, _)| *name == HEARTBEAT) {
        command.arg("--heartbeat").arg(seconds);
    }
    if durable {
        command.arg("--database").arg(folder.path().join("bare.db"));
    }
    let process = Process::start(command, address, folder).await?;
    Ok(Subject { process, tokens: Vec::new() })
}

async fn make_token(binary: &Path, data: &Path, email: &str) -> Result<String> {
    let mut command = Command::new(binary);
    command.args(["token", email, "--data-dir"]).arg(data).env_clear().current_dir(data).kill_on_drop(true);
    let output = command.output().await?;
    if !output.status.success() {
        return Err(format!("no token: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A running server.
pub(crate) struct Subject {
    /// Its process.
    pub(crate) process: Process,
    tokens: Vec<String>,
}

impl Subject {
    /// The token of the user with this number.
    pub(crate) fn token(&self, user: usize) -> Result<&str> {
        Ok(self.tokens.get(user).ok_or("no such user")?)
    }

    /// An authenticated connection of the user with this number.
    ///
    /// Parlor's users are as many as were prepared; the bare servers take anybody.
    pub(crate) async fn connect(&self, dialect: Dialect, user: usize, index: usize) -> Result<Connection> {
        let token = self.tokens.get(user).cloned().unwrap_or_default();
        let mut connection = Connection::open(self.process.address, dialect.path(), index).await?;
        let (auth, answer) = dialect.auth(token);
        connection.ask(&auth, answer).await?;
        Ok(connection)
    }

    /// Connections that have joined: each pair is a user and where they are a member, or a shared room.
    pub(crate) async fn join_all(&self, members: &[(usize, Place)]) -> Result<Vec<Connection>> {
        let mut opening = FuturesOrdered::new();
        let mut open = Vec::with_capacity(members.len());
        for (index, (user, place)) in members.iter().enumerate() {
            if opening.len() == OPENING {
                open.extend(opening.next().await.transpose()?);
            }
            opening.push_back(async move {
                let mut connection = self.connect(place.dialect(), *user, index).await?;
                join(&mut connection, place).await?;
                Ok::<_, Box<dyn std::error::Error>>(connection)
            });
        }
        while let Some(connection) = opening.next().await {
            open.push(connection?);
        }
        Ok(open)
    }

    /// A new conversation of the user, with one message in it.
    pub(crate) async fn new_conversation(&self, user: usize) -> Result<ConversationId> {
        let mut connection = self.connect(Dialect::Conversations, user, 0).await?;
        let first = message(None, "The conversation begins.".to_owned(), format!("first-of-{user}"));
        let answer = connection.ask(&first, "message_received").await?;
        match serde_json::from_slice(&answer)? {
            ServerFrame::MessageReceived(event) => Ok(event.message.conversation_id),
            other => Err(format!("not a message: {other:?}").into()),
        }
    }

    /// The conversation of a shared room, which the user enters.
    pub(crate) async fn conversation_of(&self, user: usize, room: &RoomId) -> Result<ConversationId> {
        let mut connection = self.connect(Dialect::Rooms, user, 0).await?;
        let (join, answer) = Place::Room(room.clone()).join();
        let joined: Value = serde_json::from_slice(&connection.ask(&join, answer).await?)?;
        Ok(joined["data"]["conversation_id"].as_str().ok_or("no conversation in the answer")?.parse()?)
    }
}

/// Joins the place and gives the seq of its newest entry.
pub(crate) async fn join(connection: &mut Connection, place: &Place) -> Result<u64> {
    let (join, answer) = place.join();
    let joined: Value = serde_json::from_slice(&connection.ask(&join, answer).await?)?;
    joined["data"]["last_seq"].as_u64().ok_or_else(|| format!("not joined: {joined}").into())
}
