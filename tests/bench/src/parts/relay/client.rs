//! Who reads tokens: over a provider's HTTP or over a socket of the server.

use crate::connection::Connection;
use crate::provider::Pace;
use crate::{Result, stamp};
use parlor_protocol::ConversationId;
use parlor_protocol::conversations::{ClientFrame, SendMessage};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a stream may stand still.
const SILENCE: Duration = Duration::from_secs(20);

/// One reader, for one reply after the other.
pub(super) struct Client(Source);

enum Source {
    Provider { stream: TcpStream, address: SocketAddr },
    Server { connection: Connection, conversation: ConversationId },
}

impl Client {
    /// A client of the provider at `address`.
    pub(super) async fn of_provider(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(Source::Provider { stream, address }))
    }

    /// A client of the server, in a conversation that it has joined.
    pub(super) fn of_server(connection: Connection, conversation: ConversationId) -> Self {
        Self(Source::Server { connection, conversation })
    }

    /// Asks for one reply and reads it to its end. `took` gets the moments at which tokens were written, and the one at
    /// which they were read. Error: not all of them came.
    pub(super) async fn follow(&mut self, pace: Pace, mut took: impl FnMut(u64, u64)) -> Result<()> {
        let mut seen = 0;
        let each = |bytes: &[u8]| {
            let now = stamp::now();
            for written in stamp::stamps(bytes) {
                seen += 1;
                took(written, now);
            }
        };
        match &mut self.0 {
            Source::Provider { stream, address } => from_provider(stream, *address, pace, each).await?,
            Source::Server { connection, conversation } => {
                from_server(connection, *conversation, pace, each).await?;
            }
        }
        if seen == pace.tokens { Ok(()) } else { Err(format!("{seen} tokens of {}", pace.tokens).into()) }
    }
}

async fn from_server(
    connection: &mut Connection,
    conversation: ConversationId,
    pace: Pace,
    mut each: impl FnMut(&[u8]),
) -> Result<()> {
    let prompt = SendMessage {
        conversation_id: Some(conversation),
        content: pace.prompt(),
        message_type: "user".to_owned(),
        client_message_id: None,
        assistant_id: None,
        restart: None,
        attachments: None,
    };
    connection.send(&ClientFrame::SendMessage(prompt)).await?;
    let mut complete = false;
    while !complete {
        let mut frame = |payload: &[u8]| {
            if payload.starts_with(br#"{"type":"stream_content""#) {
                each(payload);
            }
            complete |= payload.starts_with(br#"{"type":"stream_complete""#);
        };
        timeout(SILENCE, connection.read(&mut frame)).await.map_err(|_| "the stream stands still")??;
    }
    Ok(())
}

async fn from_provider(
    stream: &mut TcpStream,
    address: SocketAddr,
    pace: Pace,
    mut each: impl FnMut(&[u8]),
) -> Result<()> {
    let body = format!(
        r#"{{"model":"bench","stream":true,"messages":[{{"role":"user","content":"{}"}}]}}"#,
        pace.prompt()
    );
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::with_capacity(64 * 1024);
    let mut taken = 0;
    while !bytes.ends_with(b"\r\n0\r\n\r\n") {
        let read = timeout(SILENCE, stream.read_buf(&mut bytes)).await;
        if read.map_err(|_| "the stream stands still")?? == 0 {
            return Err("the provider ended the stream".into());
        }
        // Only whole lines: a stamp may be cut in two.
        if let Some(line) = memchr::memrchr(b'\n', &bytes[taken..]) {
            each(&bytes[taken..=taken + line]);
            taken += line + 1;
        }
    }
    Ok(())
}
