//! What a job is to do and what came of it as columns: JSON, sealed where texts are.

use crate::cipher::{Cipher, Place};
use crate::error::{Error, Result};
use crate::types::Id;
use parlor_domain::ports::{CompletionWork, EmbeddingsWork, JobKind, JobResult, JobWork};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

const CORRUPT: Error = Error::Corrupt("jobs");

/// A column, and the id of the key that it is sealed with.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) text: String,
    pub(super) key: Option<String>,
}

impl Column {
    fn of(cipher: &Cipher, place: Place, value: &impl Serialize) -> Result<Self> {
        let text = serde_json::to_string(value).map_err(|_| CORRUPT)?;
        Ok(match cipher.seal(place, &text)? {
            Some(sealed) => Self { text: sealed.text, key: Some(sealed.key.to_owned()) },
            None => Self { text, key: None },
        })
    }
}

#[derive(Serialize, Deserialize)]
struct CompletionColumn<'a> {
    message: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct EmbeddingsColumn<'a> {
    text: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct ReplyColumn {
    conversation: Uuid,
    message: Uuid,
}

#[derive(Serialize, Deserialize)]
struct VectorColumn<'a> {
    vector: Cow<'a, [f32]>,
    model: Cow<'a, str>,
    tokens: u64,
}

pub(super) fn work_to(cipher: &Cipher, id: Id, work: &JobWork) -> Result<Column> {
    let place = Place::JobPayload(id);
    match work {
        JobWork::Completion(work) => {
            let column = CompletionColumn {
                message: (&work.message).into(),
                conversation: work.conversation.map(|it| it.as_uuid()),
                model: work.model.as_ref().map(Into::into),
                max_tokens: work.max_tokens,
                temperature: work.temperature,
            };
            Column::of(cipher, place, &column)
        }
        JobWork::Embeddings(work) => {
            let model = work.model.as_ref().map(Into::into);
            Column::of(cipher, place, &EmbeddingsColumn { text: (&work.text).into(), model })
        }
    }
}

pub(super) fn work_from(cipher: &Cipher, id: Id, kind: &str, column: Column) -> Result<JobWork> {
    let text = cipher.open(Place::JobPayload(id), column.key.as_deref(), column.text)?;
    Ok(match JobKind::find(kind).ok_or(CORRUPT)? {
        JobKind::Completion => {
            let column: CompletionColumn<'_> = serde_json::from_str(&text).map_err(|_| CORRUPT)?;
            JobWork::Completion(CompletionWork {
                message: column.message.into_owned(),
                conversation: column.conversation.map(Into::into),
                model: column.model.map(Cow::into_owned),
                max_tokens: column.max_tokens,
                temperature: column.temperature,
            })
        }
        JobKind::Embeddings => {
            let column: EmbeddingsColumn<'_> = serde_json::from_str(&text).map_err(|_| CORRUPT)?;
            let (text, model) = (column.text.into_owned(), column.model.map(Cow::into_owned));
            JobWork::Embeddings(EmbeddingsWork { text, model })
        }
    })
}

pub(super) fn result_to(cipher: &Cipher, id: Id, result: &JobResult) -> Result<Column> {
    let place = Place::JobResult(id);
    match result {
        JobResult::Completion { conversation, message } => {
            let column = ReplyColumn { conversation: conversation.as_uuid(), message: message.as_uuid() };
            Column::of(cipher, place, &column)
        }
        JobResult::Embeddings { vector, model, tokens } => {
            let column = VectorColumn { vector: vector.into(), model: model.into(), tokens: *tokens };
            Column::of(cipher, place, &column)
        }
    }
}

pub(super) fn result_from(cipher: &Cipher, id: Id, kind: JobKind, column: Column) -> Result<JobResult> {
    let text = cipher.open(Place::JobResult(id), column.key.as_deref(), column.text)?;
    Ok(match kind {
        JobKind::Completion => {
            let column: ReplyColumn = serde_json::from_str(&text).map_err(|_| CORRUPT)?;
            JobResult::Completion { conversation: column.conversation.into(), message: column.message.into() }
        }
        JobKind::Embeddings => {
            let column: VectorColumn<'_> = serde_json::from_str(&text).map_err(|_| CORRUPT)?;
            let (vector, model) = (column.vector.into_owned(), column.model.into_owned());
            JobResult::Embeddings { vector, model, tokens: column.tokens }
        }
    })
}
