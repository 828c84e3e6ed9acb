//! What a backend sent, as it sent it: all of it where it is little, else its beginning and its end.

use crate::message::Attached;
use crate::ports::Extra;
use std::collections::VecDeque;

/// How much of the beginning is kept, in bytes.
const HEAD: usize = 48 * 1024;
/// How much of the end, in bytes: there the usage stands.
const TAIL: usize = 16 * 1024;

/// What one attempt's backend sent.
#[derive(Debug, Default)]
pub(super) struct RawEvents {
    head: Vec<Extra>,
    head_bytes: usize,
    tail: VecDeque<Extra>,
    tail_bytes: usize,
    omitted: u64,
}

impl RawEvents {
    pub(super) fn add(&mut self, event: Extra) {
        if self.tail.is_empty() && self.omitted == 0 && self.head_bytes + event.len() <= HEAD {
            self.head_bytes += event.len();
            return self.head.push(event);
        }
        self.tail_bytes += event.len();
        self.tail.push_back(event);
        while self.tail_bytes > TAIL
            && let Some(oldest) = self.tail.pop_front()
        {
            self.tail_bytes -= oldest.len();
            self.omitted += 1;
        }
    }

    /// What is kept with the message; nothing where there was nothing.
    pub(super) fn attached(&self) -> Option<Box<Attached>> {
        let raw_events: Vec<_> = self.head.iter().chain(&self.tail).cloned().collect();
        let any = !raw_events.is_empty() || self.omitted > 0;
        any.then(|| Box::new(Attached { raw_events, raw_omitted: self.omitted, ..Attached::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the log from a backend that sends much: the beginning and the end are kept, and what lies between is
    /// counted.
    #[test]
    fn the_middle_of_much_is_left_out() {
        let mut events = RawEvents::default();
        assert_eq!(events.attached(), None);
        let event = |number: usize| Extra::from(format!("{{\"n\":{number:0>1000}}}"));
        for number in 0..1_000 {
            events.add(event(number));
        }
        let attached = events.attached().unwrap();
        let bytes: usize = attached.raw_events.iter().map(|event| event.len()).sum();
        assert!(bytes <= HEAD + TAIL);
        assert_eq!(attached.raw_events.first(), Some(&event(0)));
        assert_eq!(attached.raw_events.last(), Some(&event(999)));
        assert_eq!(attached.raw_events.len() as u64 + attached.raw_omitted, 1_000);
        events.add("x".repeat(TAIL + 1).into());
        assert_eq!(
            events.attached().unwrap().raw_omitted,
            1_001 - events.head.len() as u64,
            "one that fits nowhere"
        );
    }
}
