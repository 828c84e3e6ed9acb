//! Whatever text a client sends, it is understood or refused, and never a crash. What was understood can be written
//! down and is understood again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlor_protocol::ErrorCode;
use parlor_protocol::conversations::ClientFrame;

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
            assert!(!error.request_id_outside || error.request_id.is_some());
        }
    }
});
