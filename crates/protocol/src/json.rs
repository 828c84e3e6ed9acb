//! JSON that passes through as it came: its numbers, and the order of its fields, are nobody's business on the way.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// How deep arrays and objects of a stranger may stand in each other: what a reader of ours takes, and any other.
pub const DEPTH_MAX: usize = 32;

/// One JSON text. It is written as it is; `Debug` does not show it.
///
/// ```
/// use parlor_protocol::Json;
///
/// let context = Json::object(r#"{"age": 30.0}"#).unwrap();
/// assert_eq!(serde_json::to_string(&[context]).unwrap(), r#"[{"age": 30.0}]"#);
/// assert!(Json::object("[1]").is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Json<'a>(Cow<'a, str>);

/// The text is no JSON object, or one that is deeper than [`DEPTH_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoObject;

impl<'a> Json<'a> {
    /// What is known to be one JSON text. Where it is none after all, it is written as a text in quotes.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }

    /// A stranger's text, if it is an object that every reader can read. Error: [`NoObject`].
    pub fn object(text: impl Into<Cow<'a, str>>) -> Result<Self, NoObject> {
        let text = text.into();
        // Read whole, since a text that is only passed over may hold escapes that stand for nothing.
        let read: Result<Map<String, Value>, _> = serde_json::from_str(&text);
        if read.is_ok() && depth(&text) <= DEPTH_MAX { Ok(Self(text)) } else { Err(NoObject) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, on its own.
    pub fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl fmt::Display for NoObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a JSON object of at most {DEPTH_MAX} levels")
    }
}

impl std::error::Error for NoObject {}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Json<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().to_owned().into()))
    }
}

/// How deep a text goes that is JSON.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects whoever reads a stranger's object after us: it is whole, and no deeper than it may be.
    #[test]
    fn only_readable_objects_pass() {
        let nested = |levels: usize| format!("{}{}", "{\"a\":".repeat(levels), "1") + &"}".repeat(levels);
        let (deepest, deeper) = (nested(DEPTH_MAX), nested(DEPTH_MAX + 1));
        for good in ["{}", " {\"a\": 1.10}\n", r#"{"a":"[[\"{{"}"#, &deepest] {
            assert_eq!(Json::object(good).map(Json::into_string).as_deref(), Ok(good));
        }
        for bad in ["", "null", "[]", "{", "{\"a\":1}}", r#"{"a":"\ud800"}"#, &deeper, &nested(10_000)] {
            assert_eq!(Json::object(bad), Err(NoObject));
        }
    }

    /// Protects frames: one text that is no JSON does not take the frame around it with it.
    #[test]
    fn what_is_no_json_becomes_a_text() {
        assert_eq!(serde_json::to_string(&[Json::new("1.0"), Json::new("{")]).unwrap(), r#"[1.0,"{"]"#);
        let read: Vec<Json<'_>> = serde_json::from_str(r#"[1.0, {"b":1,"a":2}]"#).unwrap();
        assert_eq!(read, [Json::new("1.0"), Json::new(r#"{"b":1,"a":2}"#)]);
        assert_eq!(format!("{read:?}"), "[Json(3 bytes), Json(13 bytes)]");
    }
}
