//! WebSocket frames (RFC 6455 §5.2) as the load generator needs them: a server's are split off a buffer, a
//! client's are built once and patched.

use crate::Result;
use crate::place::Place;
use crate::stamp;
use std::fmt::Write as _;

/// A text frame.
pub(crate) const TEXT: u8 = 1;
/// Bytes.
pub(crate) const BINARY: u8 = 2;
/// The end of a connection, with its reason.
pub(crate) const CLOSE: u8 = 8;
/// A sign of life that asks for one.
pub(crate) const PING: u8 = 9;
/// The answer to it.
pub(crate) const PONG: u8 = 10;

/// One frame of a server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What it is: the low half of its first byte.
    pub(crate) opcode: u8,
    /// What it carries.
    pub(crate) payload: &'a [u8],
}

/// The frame at the front of `bytes` and how many bytes it takes; none where it is not whole yet.
///
/// Neither server under test fragments its messages, so a fragment is an error, as is a masked frame.
pub(crate) fn split(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if first & 0xf0 != 0x80 || second & 0x80 != 0 {
        return Err(format!("not a whole, plain server frame: {first:#x} {second:#x}").into());
    }
    let (header, length) = match second {
        126 => match bytes.get(2..4) {
            Some(&[a, b]) => (4, usize::from(u16::from_be_bytes([a, b]))),
            _ => return Ok(None),
        },
        127 => match bytes.get(2..10) {
            Some(length) => (10, usize::try_from(u64::from_be_bytes(length.try_into()?))?),
            None => return Ok(None),
        },
        short => (2, usize::from(short)),
    };
    let end = header + length;
    Ok(bytes.get(header..end).map(|payload| (Frame { opcode: first & 0x0f, payload }, end)))
}

/// Appends a client's frame to `out`.
///
/// A client must mask (RFC 6455 §5.3); the key is zero, so that masking changes nothing and a built frame can be
/// patched. The server unmasks it like any other.
pub(crate) fn push(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        medium @ 126..=0xffff => {
            out.push(0xfe);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(0xff);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// A message that is built once; each copy gets its own stamp and client's id.
pub(crate) struct Template {
    frame: Vec<u8>,
    stamp_at: usize,
    count_at: usize,
    count: u64,
}

const COUNT_DIGITS: usize = 10;

impl Template {
    /// Messages of `length` bytes from the sender with this number to `place`; they start no AI turn.
    pub(crate) fn new(place: &Place, sender: usize, length: usize) -> Result<Self> {
        let mut content = stamp::stamp(0) + &marker(sender);
        while content.len() < length {
            write!(content, "{}", content.len() % 10)?;
        }
        let client_id = format!("s{sender}-{:0COUNT_DIGITS$}", 0);
        let message = place.message(content, client_id.clone());
        let mut frame = Vec::new();
        push(&mut frame, TEXT, &serde_json::to_vec(&message)?);
        let stamp_at = memchr::memchr(b'@', &frame).ok_or("no stamp in the template")?;
        let id_at = memchr::memmem::find(&frame, client_id.as_bytes()).ok_or("no id in the template")?;
        Ok(Self { count_at: id_at + client_id.len() - COUNT_DIGITS, frame, stamp_at, count: 0 })
    }

    /// Appends the next message to `out`, stamped with this moment.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>) {
        self.count += 1;
        stamp::patch(&mut self.frame[self.stamp_at..], stamp::now());
        stamp::write_digits(&mut self.frame[self.count_at..self.count_at + COUNT_DIGITS], self.count);
        out.extend_from_slice(&self.frame);
    }

    /// How many messages were made.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

/// What stands in the content of a sender's messages and in no one else's.
pub(crate) fn marker(sender: usize) -> String {
    format!("#{sender:04};")
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_protocol::ConversationId;
    use parlor_protocol::conversations::ClientFrame;
    use parlor_protocol::rooms;

    #[test]
    fn frames_of_every_length_form_are_split() {
        for length in [0_usize, 125, 126, 65_535, 65_536] {
            let mut bytes = vec![0x81];
            match length {
                0..=125 => bytes.push(u8::try_from(length).unwrap()),
                126..=65_535 => {
                    bytes.push(126);
                    bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend_from_slice(&u64::try_from(length).unwrap().to_be_bytes());
                }
            }
            bytes.resize(bytes.len() + length, b'x');
            let whole = bytes.len();
            bytes.extend_from_slice(b"\x89\x00");
            let (frame, used) = split(&bytes).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload.len(), used), (TEXT, length, whole));
            assert_eq!(split(&bytes[..whole - 1]).unwrap(), None);
        }
        assert_eq!(split(b"\x81").unwrap(), None);
    }

    #[test]
    fn fragments_and_masked_frames_are_refused() {
        split(b"\x01\x01x").unwrap_err();
        split(b"\x81\x81\x00\x00\x00\x00x").unwrap_err();
    }

    #[test]
    fn each_copy_of_a_template_is_a_message_of_its_own() {
        let mut template = Template::new(&Place::Conversation(ConversationId::new()), 7, 200).unwrap();
        let mut out = Vec::new();
        template.push(&mut out);
        let first = out.len();
        template.push(&mut out);
        let read = |bytes: &[u8]| {
            let json = memchr::memchr(b'{', bytes).unwrap();
            match ClientFrame::parse(std::str::from_utf8(&bytes[json..]).unwrap()).unwrap().frame {
                ClientFrame::SendMessage(message) => message,
                other => panic!("{other:?}"),
            }
        };
        let (a, b) = (read(&out[..first]), read(&out[first..]));
        assert_eq!((a.content.len(), a.message_type.as_str()), (200, "note"));
        assert!(a.content.contains(&marker(7)));
        assert_eq!(a.client_message_id.as_deref(), Some("s7-0000000001"));
        assert_eq!(b.client_message_id.as_deref(), Some("s7-0000000002"));
        assert!(stamp::stamps(b.content.as_bytes()).next() > stamp::stamps(a.content.as_bytes()).next());
    }

    /// What is patched in a frame of either dialect stands where it should.
    #[test]
    fn a_template_for_a_room_is_a_chat() {
        let mut template = Template::new(&Place::Room("bench-1".parse().unwrap()), 7, 200).unwrap();
        let mut out = Vec::new();
        template.push(&mut out);
        let json = std::str::from_utf8(&out[memchr::memchr(b'{', &out).unwrap()..]).unwrap();
        let rooms::ClientFrame::Chat(chat) = rooms::ClientFrame::parse(json).unwrap().frame else {
            panic!("another type");
        };
        assert_eq!((chat.message.len(), chat.message_id.as_deref()), (200, Some("s7-0000000001")));
        assert!(stamp::stamps(chat.message.as_bytes()).next() > Some(0));
    }
}
