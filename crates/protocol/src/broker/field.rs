//! Readers of single fields, for which a value of the wrong form is refused by the field's name.

use crate::{ConversationId, MessageId};
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
    message_id: MessageId,
    thread_id: ConversationId,
    seq: u64,
    before_seq: Option<u64>,
    limit: Option<u32>,
    models: Option<Vec<String>>,
    capacity: Option<u32>,
    queue_size: Option<u32>,
    processing_capacity: Option<u32>,
    processing_time_ms: Option<f64>,
    confidence_score: Option<f64>,
    prompt_tokens: u32,
    completion_tokens: u32,
    index: u32,
    status: Option<u16>,
    retry_after: Option<u64>,
}
