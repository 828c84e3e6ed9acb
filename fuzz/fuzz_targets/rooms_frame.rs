//! Whatever text a client of the `rooms` dialect sends, it is understood or refused, and never a crash. What was
//! understood can be written down and is understood again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlor_protocol::ErrorCode;
use parlor_protocol::rooms::ClientFrame;

/// The frame without its temperature: a number's text may come back as the next number (the one field that is no text,
/// id or whole number).
fn comparable(mut frame: ClientFrame) -> ClientFrame {
    match &mut frame {
        ClientFrame::Chat(data) => data.temperature = None,
        ClientFrame::Regenerate(data) => data.temperature = None,
        _ => {}
    }
    frame
}

fuzz_target!(|text: &str| {
    match ClientFrame::parse(text) {
        Ok(incoming) => {
            assert!(text.trim_start().starts_with('{'), "only an object is a frame");
            let written = serde_json::to_string(&incoming.frame).unwrap();
            let again = ClientFrame::parse(&written).unwrap();
            assert_eq!(comparable(again.frame), comparable(incoming.frame));
        }
        Err(error) => {
            let codes = [ErrorCode::InvalidJson, ErrorCode::UnknownType, ErrorCode::InvalidRequest];
            assert!(codes.contains(&error.code));
            assert!(!error.request_id_outside || error.request_id.is_some());
        }
    }
});
