//! Whatever text a user or a worker of the `broker` dialect sends, it is understood or refused, and never a crash. What
//! was understood can be written down and is understood again as the same, and only `ping` is both sides' word.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlor_protocol::ErrorCode;
use parlor_protocol::broker::{FrameError, UserFrame, WorkerFrame};

const CODES: [ErrorCode; 4] =
    [ErrorCode::InvalidJson, ErrorCode::UnknownType, ErrorCode::InvalidRequest, ErrorCode::Forbidden];

/// The frame without its fractions: a number's text may come back as the next number.
fn comparable(mut frame: WorkerFrame) -> WorkerFrame {
    match &mut frame {
        WorkerFrame::AiResponse(response) => {
            response.processing_time_ms = None;
            response.confidence_score = None;
        }
        WorkerFrame::AiStatus(status) => status.uptime = None,
        _ => {}
    }
    frame
}

fn refused(error: &FrameError) {
    assert!(CODES.contains(&error.code));
}

fuzz_target!(|text: &str| {
    let (user, worker) = (UserFrame::parse(text), WorkerFrame::parse(text));
    assert!(text.trim_start().starts_with('{') || (user.is_err() && worker.is_err()), "only an object is a frame");
    if let (Ok(user), Ok(_)) = (&user, &worker) {
        assert_eq!(user.frame, UserFrame::Ping);
    }
    match user {
        Ok(incoming) => {
            let written = serde_json::to_string(&incoming.frame).unwrap();
            assert_eq!(UserFrame::parse(&written).unwrap().frame, incoming.frame);
        }
        Err(error) => refused(&error),
    }
    match worker {
        Ok(frame) => {
            let written = serde_json::to_string(&frame).unwrap();
            assert_eq!(comparable(WorkerFrame::parse(&written).unwrap()), comparable(frame));
        }
        Err(error) => refused(&error),
    }
});
