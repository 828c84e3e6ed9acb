//! Event streams (`text/event-stream`, HTML Living Standard §9.2.6), decoded as their bytes arrive.
//!
//! The bytes may be cut anywhere: within a character, between CR and LF, within a field's name. What is not UTF-8
//! becomes U+FFFD, as the standard has it, so that one bad byte costs one character and not a whole reply.

use std::collections::VecDeque;

/// The longest line, and the most data of one event, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Its `event` field; empty where it had none.
    pub name: String,
    /// Its `data` fields, joined by line feeds.
    pub data: String,
}

/// A line or an event's data is longer than [`MAX_BYTES`]. The decoder is of no use after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line or event of more than {MAX_BYTES} bytes")]
pub struct TooLong;

/// The state between two pieces of a stream. It holds at most a line and an event.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    lines_seen: bool,
    after_carriage_return: bool,
    event: Event,
    has_data: bool,
}

impl Decoder {
    /// Takes the next bytes, and puts the events that they complete at the end of `events`.
    ///
    /// Errors: [`TooLong`]; the events before the long one are in `events` then.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut VecDeque<Event>) -> Result<(), TooLong> {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_carriage_return) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.keep(bytes);
            };
            self.after_carriage_return = bytes[end] == b'\r';
            self.end_line(&bytes[..end], events)?;
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    /// What the end of the stream completes: an event without its empty line, a line without its line feed.
    ///
    /// The standard drops both. Servers that forget them after their last event exist, and its sense can be checked.
    pub fn finish(mut self) -> Option<Event> {
        let mut events = VecDeque::new();
        // An end that is too long has no sense either.
        self.end_line(b"", &mut events).ok()?;
        self.dispatch(&mut events);
        events.pop_back()
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > MAX_BYTES {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, rest: &[u8], events: &mut VecDeque<Event>) -> Result<(), TooLong> {
        self.keep(rest)?;
        let mut line = std::mem::take(&mut self.line);
        let first = !std::mem::replace(&mut self.lines_seen, true);
        let text = if first { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line };
        let result = self.field(text, events);
        line.clear();
        self.line = line;
        result
    }

    fn field(&mut self, line: &[u8], events: &mut VecDeque<Event>) -> Result<(), TooLong> {
        if line.is_empty() {
            self.dispatch(events);
            return Ok(());
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => self.data(value),
            b"event" => {
                self.event.name = String::from_utf8_lossy(value).into_owned();
                Ok(())
            }
            // Comments, ids, retry times and what is yet to be invented.
            _ => Ok(()),
        }
    }

    fn data(&mut self, value: &[u8]) -> Result<(), TooLong> {
        if self.event.data.len() + value.len() > MAX_BYTES {
            return Err(TooLong);
        }
        if std::mem::replace(&mut self.has_data, true) {
            self.event.data.push('\n');
        }
        self.event.data.push_str(&String::from_utf8_lossy(value));
        Ok(())
    }

    fn dispatch(&mut self, events: &mut VecDeque<Event>) {
        let event = std::mem::take(&mut self.event);
        // An event without data is none.
        if std::mem::take(&mut self.has_data) {
            events.push_back(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Outcome = (Vec<Event>, bool);

    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let mut decoder = Decoder::default();
        let mut events = VecDeque::new();
        for piece in pieces {
            if decoder.feed(piece, &mut events).is_err() {
                return (events.into(), true);
            }
        }
        events.extend(decoder.finish());
        (events.into(), false)
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    fn check(stream: impl AsRef<[u8]>, expect: &[Event]) {
        let stream = stream.as_ref();
        let wanted = (expect.to_vec(), false);
        assert_eq!(decode([stream]), wanted, "whole");
        assert_eq!(decode(stream.chunks(1)), wanted, "byte by byte");
    }

    #[test]
    fn events_end_with_an_empty_line() {
        check("data: a\n\ndata: b\n\n", &[event("", "a"), event("", "b")]);
        check("event: error\ndata: a\n\n", &[event("error", "a")]);
        check("event: error\ndata: a\n\ndata: b\n\n", &[event("error", "a"), event("", "b")]);
    }

    #[test]
    fn lines_end_with_any_of_three_ends() {
        check("data: a\r\n\r\ndata: b\r\n\r\n", &[event("", "a"), event("", "b")]);
        check("data: a\r\rdata: b\r\r", &[event("", "a"), event("", "b")]);
        check("data: a\r\n\ndata: b\n\r\n", &[event("", "a"), event("", "b")]);
    }

    #[test]
    fn one_space_after_the_colon_is_no_part_of_the_value() {
        check("data:a\n\n", &[event("", "a")]);
        check("data:  a\n\n", &[event("", " a")]);
        check("data: a: b\n\n", &[event("", "a: b")]);
    }

    #[test]
    fn data_of_many_lines_is_one_event() {
        check("data: a\ndata:\ndata: b\n\n", &[event("", "a\n\nb")]);
        check("data\n\n", &[event("", "")]);
    }

    #[test]
    fn comments_and_unknown_fields_are_nothing() {
        check(": keep-alive\n\n:\n\nid: 7\nretry: 10\nnonsense\n\n", &[]);
        check(": x\ndata: a\nid: 7\n\n", &[event("", "a")]);
        check("event: ping\n\ndata: a\n\n", &[event("", "a")]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_only() {
        check("\u{FEFF}data: a\n\n", &[event("", "a")]);
        check("\n\u{FEFF}data: a\n\n", &[]);
    }

    #[test]
    fn a_last_event_without_its_end_counts() {
        check("data: a\n\ndata: [DONE]", &[event("", "a"), event("", "[DONE]")]);
        check("data: a\n\ndata: [DONE]\n", &[event("", "a"), event("", "[DONE]")]);
    }

    #[test]
    fn characters_are_whole_however_they_are_cut_and_bad_bytes_are_replaced() {
        check("data: grüße 🎉\n\n", &[event("", "grüße 🎉")]);
        check(b"data: a\xFFb\n\n", &[event("", "a\u{FFFD}b")]);
        check(b"data: \xF0\x9F\n\n", &[event("", "\u{FFFD}")]);
    }

    #[test]
    fn lines_and_data_are_bounded() {
        let fits = format!("data:{}\n\n", "x".repeat(MAX_BYTES - 5));
        assert_eq!(decode([fits.as_bytes()]).0.len(), 1);

        let line = format!("data: a\n\ndata:{}", "x".repeat(MAX_BYTES));
        assert_eq!(decode([line.as_bytes()]), (vec![event("", "a")], true), "a line without an end");
        assert_eq!(decode(line.as_bytes().chunks(1000)), (vec![event("", "a")], true));

        let half = format!("data:{}\n", "x".repeat(MAX_BYTES / 2 + 1));
        assert!(decode([half.as_bytes(), half.as_bytes()]).1, "the data of two lines");
    }

    fn fragment() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::sample::select(vec!["data", "event", ":", ": ", "\n", "\r", "\r\n", "\u{FEFF}", "ä", "🎉"])
                .prop_map(|text| text.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ]
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_changes_nothing(
            fragments in prop::collection::vec(fragment(), 0..60),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let stream = fragments.concat();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            let pieces = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
            prop_assert_eq!(decode(pieces), decode([stream.as_slice()]));
        }
    }
}
