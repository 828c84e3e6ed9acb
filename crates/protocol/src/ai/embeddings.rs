//! `/api/v1/ai/embeddings`.

use serde::{Deserialize, Serialize};

/// `POST /api/v1/ai/embeddings`: a text that wants its vector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::EmbeddingRequest))]
pub struct EmbeddingRequest {
    /// The text.
    pub text: String,
    /// The model; none or null takes the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// The answer to an [`EmbeddingRequest`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::EmbeddingAnswer))]
pub struct EmbeddingAnswer {
    /// The vector. Those of one model can be compared with each other.
    pub embedding: Vec<f32>,
    /// The model that made it.
    pub model: String,
    /// How many tokens the text has, as that model counts.
    pub tokens: u64,
}
