//! Whatever text a client of the `sessions` dialect sends, it is understood or refused, and never a crash. What was
//! understood can be written down and is understood again as the same, its context to the letter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlor_protocol::ErrorCode;
use parlor_protocol::sessions::{ClientFrame, ServerFrame};

fuzz_target!(|text: &str| {
    match ClientFrame::parse(text) {
        Ok(incoming) => {
            assert!(text.trim_start().starts_with('{'), "only an object is a frame");
            let written = serde_json::to_string(&incoming.frame).unwrap();
            assert_eq!(ClientFrame::parse(&written).unwrap().frame, incoming.frame);
        }
        Err(error) => {
            let codes = [ErrorCode::InvalidJson, ErrorCode::UnknownType, ErrorCode::InvalidRequest];
            assert!(codes.contains(&error.code));
        }
    }
    if let Ok(Some(frame)) = ServerFrame::parse(text) {
        // Compared as it is written: time loses its microseconds there.
        let written = serde_json::to_string(&frame).unwrap();
        let again = ServerFrame::parse(&written).unwrap().unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), written);
    }
});
