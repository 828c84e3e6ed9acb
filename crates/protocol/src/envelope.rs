//! What the readers of all dialects do alike: a frame is an object with a `type`, a complaint about one is short, and
//! the client's own names for it come back even where it is refused.

use crate::ErrorCode;
use crate::names::{cut, shorten, text_of};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// How much of a parser's complaint is repeated: it may quote what it complains of. Characters.
const COMPLAINT: usize = 200;

/// What stands around a frame's content. What a dialect has no use for is ignored in it.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) token: Option<String>,
    /// Read on its own, so that a bad one is refused by name.
    #[serde(default)]
    pub(crate) room_id: Option<Value>,
    #[serde(default)]
    pub(crate) message_id: Option<Value>,
    #[serde(default)]
    pub(crate) request_id: Option<Value>,
    #[serde(default)]
    pub(crate) client_message_id: Option<Value>,
}

/// A client's names for its request, read leniently: only text is one.
#[derive(Default, Deserialize)]
pub(crate) struct Names {
    #[serde(default, rename = "request_id", deserialize_with = "text")]
    pub(crate) request: Option<String>,
    #[serde(default, rename = "message_id", deserialize_with = "text")]
    pub(crate) message: Option<String>,
    #[serde(default, rename = "client_message_id", deserialize_with = "text")]
    pub(crate) client_message: Option<String>,
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer).map(text_of)
}

/// Why a frame is not understood.
pub(crate) struct Bad {
    pub(crate) code: ErrorCode,
    /// For the client's developer.
    pub(crate) message: String,
}

impl<'a> Envelope<'a> {
    /// Opens a frame. Errors: `INVALID_JSON` where it is not an object, `INVALID_REQUEST` where its type is no text.
    pub(crate) fn open(text: &'a str) -> Result<Self, Bad> {
        // Serde would take an array's elements for the fields in their order.
        if !text.trim_start().starts_with('{') {
            return Err(Bad { code: ErrorCode::InvalidJson, message: "a frame is a JSON object".to_owned() });
        }
        serde_json::from_str(text).map_err(|error| {
            let code = if error.is_data() { ErrorCode::InvalidRequest } else { ErrorCode::InvalidJson };
            Bad { code, message: complaint(&error) }
        })
    }

    /// The type; empty where there is none, which is no type of any dialect.
    pub(crate) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or_default()
    }

    /// The text of `data`; an empty object where there is none.
    pub(crate) fn data(&self) -> &'a str {
        self.data.map_or("{}", RawValue::get)
    }

    /// What came of reading the content: `read` is none where the dialect has no such type.
    pub(crate) fn verdict<T>(&self, read: Result<Option<T>, serde_json::Error>) -> Result<T, Bad> {
        match read {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) if self.kind.is_none() => Err(Bad::request("the frame has no `type`")),
            Ok(None) => {
                let message = format!("`{}` is not a type of this dialect", shorten(self.kind()));
                Err(Bad { code: ErrorCode::UnknownType, message })
            }
            Err(error) => Err(Bad::request(complaint(&error))),
        }
    }
}

impl Names {
    /// The names that stand in `data`, whatever else is wrong with it.
    pub(crate) fn within(data: &str) -> Self {
        serde_json::from_str(data).unwrap_or_default()
    }
}

impl Bad {
    /// Something has the wrong form.
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::InvalidRequest, message: message.into() }
    }
}

fn complaint(error: &serde_json::Error) -> String {
    cut(&error.to_string(), COMPLAINT).to_owned()
}
