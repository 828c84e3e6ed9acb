//! Whatever event a client of the `socketio` dialect sends, it is understood or refused, and never a crash. What was
//! understood can be written down and is understood again as the same. The first line is the event's name, the rest its
//! argument; where that is no JSON the event has none. The packets around it are the library's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlor_protocol::ErrorCode;
use parlor_protocol::socketio::ClientEvent;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let (name, argument) = text.split_once('\n').unwrap_or((text, ""));
    let argument: Option<Value> = serde_json::from_str(argument).ok();
    let is_object = argument.as_ref().is_some_and(Value::is_object);
    match ClientEvent::parse(name, argument) {
        Ok(ClientEvent::Start(start)) => {
            assert!(is_object && name == "chat:start", "only an object begins a chat");
            let written = serde_json::to_value(&start).unwrap();
            assert_eq!(ClientEvent::parse(name, Some(written)), Ok(ClientEvent::Start(start)));
        }
        Ok(ClientEvent::Stop) => assert_eq!(name, "chat:stop"),
        Err(error) => {
            let known = ClientEvent::NAMES.contains(&name);
            let code = if known { ErrorCode::InvalidRequest } else { ErrorCode::UnknownType };
            assert_eq!(error.code, code);
        }
    }
});
