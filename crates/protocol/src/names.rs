//! What the readers of all dialects do with a stranger's words.

use serde_json::Value;

/// A name that an answer repeats: only text is one.
pub(crate) fn text_of(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// A type from a stranger is repeated to them, but not at any length.
pub(crate) fn shorten(kind: &str) -> &str {
    cut(kind, 40)
}

/// The first `most` characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}
