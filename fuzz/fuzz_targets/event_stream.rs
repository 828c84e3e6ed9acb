//! However a provider's bytes are cut, the same events come out of them, and never a crash.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlor_ai::sse::{Decoder, Event};
use std::collections::VecDeque;

/// The events of a stream that arrives in pieces of `size` bytes, with what its end completes.
fn decode(bytes: &[u8], size: usize) -> (VecDeque<Event>, Option<Event>) {
    let (mut decoder, mut events) = (Decoder::default(), VecDeque::new());
    for piece in bytes.chunks(size) {
        if decoder.feed(piece, &mut events).is_err() {
            return (events, None);
        }
    }
    (events, decoder.finish())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = decode(bytes, bytes.len().max(1));
    assert_eq!(decode(bytes, usize::from(size).max(1)), whole);
    assert!(whole.0.iter().all(|event| !event.data.contains('\r')));
});
