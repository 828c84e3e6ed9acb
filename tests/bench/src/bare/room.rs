//! Conversations of the reference: who is in each, and the one encoding that all of them get.

use super::append::{Appender, Row};
use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem;
use parking_lot::Mutex;
use parlor_protocol::{ConversationId, MessageId, Timestamp, UserId};
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Frames that wait for a connection's writer at most. When it is full the connection has read too slowly and is
/// dropped, which fails the run.
pub(super) const OUTBOX: usize = 8_192;

/// All conversations, and where their messages are stored.
pub(super) struct Rooms {
    by_id: Mutex<HashMap<ConversationId, Arc<Room>>>,
    appender: Option<Appender>,
    /// There is one user.
    pub(super) user: UserId,
}

/// One conversation.
pub(super) struct Room {
    pub(super) id: ConversationId,
    user: UserId,
    last_seq: AtomicU64,
    stored_seq: AtomicU64,
    members: Mutex<Vec<mpsc::Sender<Bytes>>>,
}

impl Rooms {
    pub(super) fn new(appender: Option<Appender>) -> Self {
        Self { by_id: Mutex::new(HashMap::new()), appender, user: UserId::new() }
    }

    /// The conversation with this id, made if there is none.
    pub(super) fn room(&self, id: ConversationId) -> Arc<Room> {
        let mut rooms = self.by_id.lock();
        Arc::clone(rooms.entry(id).or_insert_with(|| {
            let members = Mutex::new(Vec::new());
            Arc::new(Room {
                id,
                user: self.user,
                last_seq: AtomicU64::new(0),
                stored_seq: AtomicU64::new(0),
                members,
            })
        }))
    }

    /// Takes the message in `frame` (the payload of a `send_message`), stores it if there is a database, and gives
    /// it to every member.
    pub(super) async fn publish(&self, room: &Arc<Room>, frame: &[u8]) {
        let message =
            Message::new(field(frame, b"\"content\":\""), field(frame, b"\"client_message_id\":\""));
        match &self.appender {
            Some(appender) => {
                let row = Row { room: Arc::clone(room), message };
                appender.append(row).await;
            }
            None => room.broadcast(&message),
        }
    }
}

impl Room {
    /// The seq of its newest message.
    pub(super) fn last_seq(&self) -> u64 {
        self.last_seq.load(Ordering::Relaxed)
    }

    /// The seq of the next message that goes into the table. Messages are broadcast in the same order.
    pub(super) fn next_stored(&self) -> u64 {
        self.stored_seq.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// From now on `member` gets what is published.
    pub(super) fn join(&self, member: &mpsc::Sender<Bytes>) {
        let mut members = self.members.lock();
        if !members.iter().any(|known| known.same_channel(member)) {
            members.push(member.clone());
        }
    }

    /// Gives `message` the next seq, encodes it, and puts the bytes into every member's channel.
    pub(super) fn broadcast(&self, message: &Message) {
        // The lock also keeps the order of the seqs.
        let mut members = self.members.lock();
        let seq = self.last_seq.fetch_add(1, Ordering::Relaxed) + 1;
        let frame = message.encode(self, seq);
        members.retain(|member| member.try_send(frame.clone()).is_ok());
    }
}

/// A message on its way.
pub(crate) struct Message {
    pub(super) id: MessageId,
    /// As it stands in JSON.
    pub(super) content: Box<[u8]>,
    pub(super) client_id: Box<[u8]>,
    pub(super) created_at: Timestamp,
}

impl Message {
    /// A message that is made now.
    pub(crate) fn new(content: &[u8], client_id: &[u8]) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            id: MessageId::new(),
            content: content.into(),
            client_id: client_id.into(),
            created_at: Timestamp::from_microsecond(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
        }
    }

    /// The frame, header included, with the same fields as the server's own.
    fn encode(&self, room: &Room, seq: u64) -> Bytes {
        let mut body = BytesMut::with_capacity(self.content.len() + self.client_id.len() + 400).writer();
        // The longest header stands in front until the length is known. Writing to memory cannot fail.
        let _ = body.write_all(&[0; 4]);
        let _ = write!(
            body,
            r#"{{"type":"message_received","data":{{"message":{{"id":"{}","conversation_id":"{}","seq":{seq},"content":""#,
            self.id, room.id
        );
        let _ = body.write_all(&self.content);
        let _ = write!(
            body,
            r#"","message_type":"note","sender_id":"{}","created_at":"{}","client_message_id":""#,
            room.user, self.created_at
        );
        let _ = body.write_all(&self.client_id);
        let _ = body.write_all(br#""}}}"#);
        finish(body.into_inner())
    }
}

/// Writes the header of a text frame (RFC 6455 §5.2) into the 4 bytes in front that were kept for it.
fn finish(mut frame: BytesMut) -> Bytes {
    let length = frame.len() - 4;
    if length < 126 {
        frame[2..4].copy_from_slice(&[0x81, length as u8]);
        return frame.freeze().slice(2..);
    }
    let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    frame[..4].copy_from_slice(&[0x81, 126, high, low]);
    frame.freeze()
}

/// A frame of any text; for answers, which are rare.
pub(super) fn text_frame(text: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(text.len() + 4);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text);
    finish(frame)
}

/// What stands after `name` up to the next quote; nothing where `name` does not occur.
///
/// The load generator sends nothing that JSON would escape.
pub(super) fn field<'a>(json: &'a [u8], name: &[u8]) -> &'a [u8] {
    let Some(at) = memmem::find(json, name) else { return &[] };
    let rest = &json[at + name.len()..];
    &rest[..memchr::memchr(b'"', rest).unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;
    use parlor_protocol::conversations::ServerFrame;

    #[test]
    fn the_bare_encoding_is_the_protocols() {
        let rooms = Rooms::new(None);
        let room = rooms.room(ConversationId::new());
        for length in [0, 200, 3_000] {
            let content = "x".repeat(length);
            let bytes = Message::new(content.as_bytes(), b"c-1").encode(&room, 7);
            let (frame, used) = frame::split(&bytes).unwrap().unwrap();
            assert_eq!(used, bytes.len());
            let ServerFrame::MessageReceived(event) = serde_json::from_slice(frame.payload).unwrap() else {
                panic!("another type");
            };
            assert_eq!(event.message.content, content);
            assert_eq!(event.message.client_message_id.as_deref(), Some("c-1"));
            assert_eq!((event.message.seq, event.message.conversation_id), (7, room.id));
        }
    }
}
