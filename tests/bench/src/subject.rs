//! What is measured: Parlor, or a reference. Both speak the same frames, so that the load generator drives them by
//! the same code and only the server differs.

use crate::Result;
use crate::connection::Connection;
use crate::process::{Process, copy_folder, free_address};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use parlor_protocol::ConversationId;
use parlor_protocol::conversations::{ClientFrame, ConversationRef, SendMessage, ServerFrame};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// Where both listen for this dialect.
const PATH: &str = "/api/v1/chat/ws";
/// Seconds between two pings: the one setting of the server that the bare ones have too.
pub(crate) const HEARTBEAT: &str = "WEBSOCKET_HEARTBEAT_INTERVAL";
/// How many connections are opened at once: a server may cap those that have not authenticated yet.
const OPENING: usize = 32;

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

    /// Starts it on a copy of the folder, or on an empty one.
    pub(crate) async fn start(&self, environment: &[(&str, String)], empty: bool) -> Result<Subject> {
        let address = free_address()?;
        let folder = TempDir::with_prefix("parlor-bench-")?;
        let data = folder.path().join("data");
        if !empty {
            copy_folder(self.template.path(), &data)?;
        }
        let mut command = Command::new(&self.binary);
        command.arg("serve").arg("--data-dir").arg(&data).env_clear();
        command.env("HOST", address.ip().to_string()).env("PORT", address.port().to_string());
        command.env("LOG_LEVEL", "warn");
        for limit in ["WEBSOCKET_MAX_CONNECTIONS", "WS_MAX_CONNECTIONS_PER_USER", "WS_RATE_LIMIT_REQUESTS"] {
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
    /// An authenticated connection of the user with this number.
    ///
    /// Parlor's users are as many as were prepared; the bare servers take anybody.
    pub(crate) async fn connect(&self, user: usize, index: usize) -> Result<Connection> {
        let token = self.tokens.get(user).cloned().unwrap_or_default();
        let mut connection = Connection::open(self.process.address, PATH, index).await?;
        connection.ask(&ClientFrame::Auth { token }, "auth_success").await?;
        Ok(connection)
    }

    /// Connections that have joined: each pair is a user and a conversation of theirs.
    pub(crate) async fn join_all(&self, members: &[(usize, ConversationId)]) -> Result<Vec<Connection>> {
        let mut opening = FuturesOrdered::new();
        let mut open = Vec::with_capacity(members.len());
        for (index, (user, conversation)) in members.iter().copied().enumerate() {
            if opening.len() == OPENING {
                open.extend(opening.next().await.transpose()?);
            }
            opening.push_back(async move {
                let mut connection = self.connect(user, index).await?;
                join(&mut connection, conversation).await?;
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
        let mut connection = self.connect(user, 0).await?;
        let first = ClientFrame::SendMessage(SendMessage {
            conversation_id: None,
            content: "The conversation begins.".to_owned(),
            message_type: "note".to_owned(),
            client_message_id: Some(format!("first-of-{user}")),
            assistant_id: None,
        });
        let answer = connection.ask(&first, "message_received").await?;
        match serde_json::from_slice(&answer)? {
            ServerFrame::MessageReceived(event) => Ok(event.message.conversation_id),
            other => Err(format!("not a message: {other:?}").into()),
        }
    }
}

/// Joins the conversation and gives the seq of its newest entry.
pub(crate) async fn join(connection: &mut Connection, conversation_id: ConversationId) -> Result<u64> {
    let ask = ClientFrame::JoinConversation(ConversationRef { conversation_id });
    let answer = connection.ask(&ask, "conversation_joined").await?;
    match serde_json::from_slice(&answer)? {
        ServerFrame::ConversationJoined(joined) => Ok(joined.last_seq),
        other => Err(format!("not joined: {other:?}").into()),
    }
}
