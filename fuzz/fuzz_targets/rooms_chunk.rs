//! Whatever bytes a client of the `rooms` dialect sends as a binary frame, they are a chunk or none, and never a crash. A
//! chunk has all the bytes of its frame, and is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlor_protocol::rooms::BinaryChunk;

fuzz_target!(|frame: &[u8]| {
    match BinaryChunk::parse(frame) {
        Some(chunk) => {
            assert_eq!(chunk.data.len() + BinaryChunk::HEADER, frame.len());
            assert_eq!(chunk.encode(), frame);
        }
        None => assert!(frame.len() < BinaryChunk::HEADER),
    }
});
