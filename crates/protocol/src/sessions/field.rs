//! Readers of single fields, for which a value of the wrong form is refused by the field's name.

use crate::{ConversationId, Json};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

macro_rules! named {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
            <$type>::deserialize(deserializer)
                .map_err(|error| D::Error::custom(format_args!("`{}`: {error}", stringify!($name))))
        })*
    };
}

named! {
    message: String,
    message_type: Option<String>,
    session_id: Option<ConversationId>,
    stream: Option<bool>,
    client_message_id: Option<String>,
}

/// An object that every reader can read; null is none.
pub(super) fn context<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json<'static>>, D::Error> {
    let Some(json) = Option::<Json<'static>>::deserialize(deserializer)? else { return Ok(None) };
    Json::object(json.into_string())
        .map(Some)
        .map_err(|error| D::Error::custom(format_args!("`context`: {error}")))
}
