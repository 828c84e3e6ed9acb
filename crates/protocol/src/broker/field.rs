//! Readers of this dialect's fields.

use crate::field::named_fields;
use crate::{ConversationId, MessageId};

named_fields! {
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
