//! Readers of this dialect's fields.

use crate::field::named_fields;
use crate::metadata::FileRef;
use crate::{ConversationId, Json};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

named_fields! {
    message: String,
    message_type: Option<String>,
    session_id: Option<ConversationId>,
    stream: Option<bool>,
    client_message_id: Option<String>,
    attachments: Option<Vec<FileRef>>,
}

/// An object that every reader can read; null is none.
pub(super) fn context<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json<'static>>, D::Error> {
    let Some(json) = Option::<Json<'static>>::deserialize(deserializer)? else { return Ok(None) };
    Json::object(json.into_string())
        .map(Some)
        .map_err(|error| D::Error::custom(format_args!("`context`: {error}")))
}
