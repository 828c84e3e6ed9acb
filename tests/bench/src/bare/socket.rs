//! One connection of the reference: a task that reads, and one that writes many frames at a time.

use super::Shared;
use super::room::{OUTBOX, Room, field, text_frame};
use crate::Result;
use bytes::{Buf, Bytes};
use fastwebsockets::upgrade::UpgradeFut;
use fastwebsockets::{Frame, OpCode, Role, after_handshake_split};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parlor_protocol::ConversationId;
use parlor_protocol::conversations::{
    AuthSuccess, ClientFrame, ConversationJoined, Echo, Pong, Resumed, ServerFrame,
};
use std::collections::HashMap;
use std::collections::VecDeque;
use std::io::{Cursor, IoSlice};
use std::str;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Chain};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Frames in one write at most.
const BATCH: usize = 64;

/// Reads until the connection ends.
pub(super) async fn serve(upgrade: UpgradeFut, shared: Arc<Shared>) {
    // A client that goes away is no error of ours, and nobody waits for the reason.
    let _ = run(upgrade, &shared).await;
}

async fn run(
    upgrade: UpgradeFut,
    shared: &Arc<Shared>,
) -> std::result::Result<(), fastwebsockets::WebSocketError> {
    // Nothing was read from the WebSocket yet, so its parts lose nothing.
    let Some((reading, write)) = halves(upgrade.await?.into_inner().into_inner()) else { return Ok(()) };
    let (outbox, frames) = mpsc::channel(OUTBOX);
    shared.tasks.spawn(write_frames(write, frames, shared.heartbeat));
    let (mut reading, _) = after_handshake_split(reading, tokio::io::sink(), Role::Server);
    let mut joined = HashMap::new();
    loop {
        // Pings of clients are not answered: the load generator sends none.
        let frame = reading.read_frame(&mut |_: Frame<'_>| async { Ok::<_, std::io::Error>(()) }).await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text => take(&frame.payload, shared, &outbox, &mut joined).await,
            _ => {}
        }
    }
}

/// What was read with the request and then the socket, and the way to write to it.
type Halves = (Chain<Cursor<Vec<u8>>, OwnedReadHalf>, OwnedWriteHalf);

/// The socket under an upgraded connection.
///
/// What hyper has read is copied, so that its buffer of 8 KiB does not live as long as the connection.
fn halves(upgraded: Upgraded) -> Option<Halves> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    let (read, write) = parts.io.into_inner().into_split();
    Some((AsyncReadExt::chain(Cursor::new(parts.read_buf.to_vec()), read), write))
}

/// Conversations that a connection has joined, by the text of their ids.
type Joined = HashMap<[u8; 36], Arc<Room>>;

async fn take(text: &[u8], shared: &Shared, outbox: &mpsc::Sender<Bytes>, joined: &mut Joined) {
    if text.starts_with(br#"{"type":"send_message""#)
        && let Some(room) = joined.get(field(text, b"\"conversation_id\":\""))
    {
        shared.rooms.publish(room, text).await;
        return;
    }
    // Everything else is set-up, or a resume. What cannot be read is not answered, and fails the run.
    let Ok(Ok(incoming)) = str::from_utf8(text).map(ClientFrame::parse) else { return };
    if let Some(answer) = answer(incoming.frame, shared, outbox, joined) {
        if let Ok(json) = answer {
            // A full outbox is a client that asks without reading: it will miss the answer.
            let _ = outbox.try_send(text_frame(&json));
        }
    } else {
        let room = enter(ConversationId::new(), shared, outbox, joined);
        shared.rooms.publish(&room, text).await;
    }
}

/// The answer to a frame; none for the message that makes a conversation.
fn answer(
    frame: ClientFrame,
    shared: &Shared,
    outbox: &mpsc::Sender<Bytes>,
    joined: &mut Joined,
) -> Option<Result<Vec<u8>>> {
    let echo = Echo::default();
    let json = match frame {
        ClientFrame::Auth { .. } => serde_json::to_vec(&AuthSuccess { user_id: shared.rooms.user }),
        ClientFrame::JoinConversation(wanted) => {
            let room = enter(wanted.conversation_id, shared, outbox, joined);
            serde_json::to_vec(&ServerFrame::ConversationJoined(ConversationJoined {
                conversation_id: room.id,
                last_seq: room.last_seq(),
                title: "bare".into(),
                echo,
            }))
        }
        ClientFrame::Resume(wanted) => {
            let position = wanted.positions.into_iter().next()?;
            let room = enter(position.conversation_id, shared, outbox, joined);
            serde_json::to_vec(&ServerFrame::Resumed(Resumed {
                conversation_id: room.id,
                from_seq: position.seq,
                last_seq: room.last_seq(),
                recovered: position.seq == room.last_seq(),
                epoch: "bare".into(),
                echo,
            }))
        }
        ClientFrame::SendMessage(_) => return None,
        _ => {
            let heads = joined.values().map(|room| (room.id, room.last_seq())).collect();
            serde_json::to_vec(&ServerFrame::Pong(Pong { heads, echo }))
        }
    };
    Some(json.map_err(Into::into))
}

fn enter(
    id: ConversationId,
    shared: &Shared,
    outbox: &mpsc::Sender<Bytes>,
    joined: &mut Joined,
) -> Arc<Room> {
    let mut key = [0; 36];
    id.as_uuid().hyphenated().encode_lower(&mut key);
    let room = joined.entry(key).or_insert_with(|| {
        let room = shared.rooms.room(id);
        room.join(outbox);
        room
    });
    Arc::clone(room)
}

/// Writes what is in the channel until every sender of it is gone or the socket fails.
async fn write_frames(
    mut socket: OwnedWriteHalf,
    mut frames: mpsc::Receiver<Bytes>,
    heartbeat: std::time::Duration,
) {
    let mut batch = Vec::new();
    let mut beat = std::pin::pin!(sleep_until(Instant::now() + heartbeat));
    loop {
        let outcome = tokio::select! {
            count = frames.recv_many(&mut batch, BATCH) => {
                if count == 0 {
                    return;
                }
                write_all(&mut socket, &mut batch).await
            }
            () = &mut beat => {
                beat.as_mut().reset(Instant::now() + heartbeat);
                socket.write_all(b"\x89\x00").await
            }
        };
        if outcome.is_err() {
            return;
        }
    }
}

/// Writes all of `batch` and empties it, with as few calls as the socket allows.
async fn write_all(socket: &mut OwnedWriteHalf, batch: &mut Vec<Bytes>) -> std::io::Result<()> {
    if let [one] = batch.as_slice() {
        socket.write_all(one).await?;
        batch.clear();
        return Ok(());
    }
    let mut left: VecDeque<Bytes> = batch.drain(..).collect();
    while !left.is_empty() {
        let mut slices = [IoSlice::new(&[]); BATCH];
        for (slice, frame) in slices.iter_mut().zip(&left) {
            *slice = IoSlice::new(frame);
        }
        let count = left.len().min(BATCH);
        let mut written = socket.write_vectored(&slices[..count]).await?;
        if written == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        while let Some(front) = left.front_mut() {
            if written < front.len() {
                front.advance(written);
                break;
            }
            written -= front.len();
            left.pop_front();
        }
    }
    Ok(())
}
