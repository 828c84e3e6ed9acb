//! What was used, as the AI API tells it.

use crate::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// `GET /api/v1/ai/usage`: what the caller has used. With `from` or `to`, in that time alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::Usage))]
pub struct Usage {
    /// Tokens of contexts and replies.
    pub total_tokens: u64,
    /// How many conversations there are now that are no rooms.
    pub conversations_count: u64,
    /// How many messages these have, of both sides.
    pub messages_count: u64,
    /// When a backend was last asked; null where none was.
    #[cfg_attr(feature = "schema", schema(required))]
    pub last_used: Option<Timestamp>,
    /// With `group_by`: the parts, those of a day in the order of days, others the most tokens first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<UsageGroup>>,
}

/// What was used of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::UsageGroup))]
pub struct UsageGroup {
    /// The day (UTC), as in 2026-01-31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// The model; an empty one is that of attempts of which it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// How often a backend was asked.
    pub attempts: u64,
    /// Tokens of contexts.
    pub prompt_tokens: u64,
    /// Tokens of replies.
    pub completion_tokens: u64,
    /// Both together.
    pub total_tokens: u64,
    /// What it cost in US dollars, where prices are known.
    pub cost_usd: f64,
}
