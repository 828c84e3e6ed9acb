//! A message as a row to insert.

use crate::attached;
use crate::cipher::{Cipher, Kept, Place};
use crate::error::{Error, Result};
use crate::messages::signed;
use crate::metadata;
use crate::types::{At, Id};
use parlor_domain::message::{Author, Message};
use std::borrow::Cow;

/// One row of `messages`, borrowed from the write that it comes from.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) conversation: Id,
    pub(super) seq: i64,
    pub(super) id: Id,
    pub(super) author: Option<Id>,
    pub(super) author_name: Option<&'a str>,
    pub(super) kind: &'a str,
    pub(super) content: Cow<'a, str>,
    pub(super) content_type: Option<&'a str>,
    pub(super) client_id: Option<&'a str>,
    pub(super) fingerprint: Option<Id>,
    pub(super) fingerprint_keyed: Option<bool>,
    pub(super) created_at: At,
    pub(super) attached: Option<String>,
    pub(super) metadata: Option<String>,
    /// The keys that `content`, `attached` and `metadata` are sealed with.
    pub(super) key: Option<&'a str>,
    pub(super) attached_key: Option<&'a str>,
    pub(super) metadata_key: Option<&'a str>,
    pub(super) reply: ReplyColumns<'a>,
}

/// The columns that only an assistant's message has.
#[derive(Debug, Default)]
pub(super) struct ReplyColumns<'a> {
    pub(super) in_reply_to: Option<Id>,
    pub(super) status: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) prompt_tokens: Option<i64>,
    pub(super) completion_tokens: Option<i64>,
    pub(super) usage_estimated: Option<bool>,
    pub(super) cost_nano: Option<i64>,
    pub(super) elapsed_ms: Option<i64>,
    pub(super) backend: Option<&'a str>,
    /// In millionths.
    pub(super) confidence: Option<i32>,
}

impl<'a> Row<'a> {
    pub(super) fn of(message: &'a Message, fingerprint: Option<Kept>, seq: i64) -> Self {
        let author = match message.author {
            Author::User(user) => Some(user.into()),
            Author::Assistant => None,
        };
        Self {
            conversation: message.conversation.into(),
            seq,
            id: message.id.into(),
            author,
            author_name: message.author_name.as_deref(),
            kind: &message.kind,
            content: Cow::Borrowed(&message.content),
            content_type: message.content_type.as_deref(),
            client_id: message.client_id.as_deref(),
            fingerprint: fingerprint.map(|it| it.id),
            fingerprint_keyed: fingerprint.and_then(Kept::keyed),
            created_at: message.created_at.into(),
            attached: message.attached.as_deref().and_then(attached::to_column),
            metadata: message.metadata.as_deref().and_then(metadata::to_column),
            key: None,
            attached_key: None,
            metadata_key: None,
            reply: ReplyColumns::of(message),
        }
    }

    /// Seals what people wrote, when the row is complete.
    pub(super) fn seal(&mut self, cipher: &'a Cipher) -> Result<()> {
        let (conversation, message) = (self.conversation, self.id);
        if let Some(sealed) = cipher.seal(Place::Content { conversation, message }, &self.content)? {
            (self.content, self.key) = (Cow::Owned(sealed.text), Some(sealed.key));
        }
        let seal = |place, text: Option<&str>| {
            let sealed = text.map(|text| cipher.seal(place, text)).transpose()?.flatten();
            Ok::<_, Error>(sealed.map(|sealed| (Some(sealed.text), Some(sealed.key))))
        };
        if let Some(sealed) = seal(Place::Attached { conversation, message }, self.attached.as_deref())? {
            (self.attached, self.attached_key) = sealed;
        }
        if let Some(sealed) = seal(Place::Metadata { conversation, message }, self.metadata.as_deref())? {
            (self.metadata, self.metadata_key) = sealed;
        }
        Ok(())
    }
}

impl<'a> ReplyColumns<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        let Some(reply) = &message.reply else { return Self::default() };
        Self {
            in_reply_to: Some(reply.in_reply_to.into()),
            status: Some(reply.status.as_str()),
            model: reply.model.as_deref(),
            prompt_tokens: Some(signed(reply.usage.prompt_tokens)),
            completion_tokens: Some(signed(reply.usage.completion_tokens)),
            usage_estimated: Some(reply.usage.estimated),
            cost_nano: reply.cost.map(|cost| signed(cost.0)),
            elapsed_ms: Some(signed(reply.elapsed.as_millis())),
            backend: reply.backend.as_deref(),
            confidence: reply.confidence.map(|confidence| confidence.millionths().cast_signed()),
        }
    }
}
