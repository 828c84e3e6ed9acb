//! A session as one JSON object.

use super::{Form, Heading};
use crate::dialect::metadata;
use crate::http::sessions::context::Context;
use crate::http::sessions::exchange::response_time;
use parlor_domain::message::{Author, Message, Usage};
use parlor_domain::{MessageId, Timestamp, UserId};
use parlor_protocol::metadata::{Attachment, Citation};
use serde::Serialize;

/// `{"session":…,"messages":[…],"complete":true}`.
#[derive(Default)]
pub(super) struct JsonText {
    /// Whether a message stands before the next one.
    begun: bool,
}

/// A message of an export.
#[derive(Serialize)]
struct Exported {
    message_id: MessageId,
    seq: u64,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    content: String,
    message_type: String,
    in_reply_to: Option<MessageId>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_message_id: Option<String>,
    #[serde(flatten)]
    made: Option<Made>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<Citation<'static>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'static>>,
    context: Context,
}

/// What is said of how a reply was made.
#[derive(Serialize)]
struct Made {
    status: &'static str,
    model: Option<String>,
    response_time_ms: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl From<Message> for Exported {
    fn from(message: Message) -> Self {
        let (citations, attachments) =
            (metadata::owned_citations(&message), metadata::owned_attachments(&message));
        let attached = Some(message.attached.unwrap_or_default());
        let (role, user_id, context) = match message.author {
            Author::User(user) => ("user", Some(user), Context { asked: attached, replied: None }),
            Author::Assistant => ("assistant", None, Context { asked: None, replied: attached }),
        };
        let in_reply_to = message.reply.as_ref().map(|reply| reply.in_reply_to);
        let made = message.reply.map(|reply| {
            let Usage { prompt_tokens, completion_tokens, .. } = reply.usage;
            Made {
                status: reply.status.as_str(),
                response_time_ms: response_time(&reply),
                model: reply.model,
                prompt_tokens,
                completion_tokens,
            }
        });
        Self {
            message_id: message.id,
            seq: message.seq,
            role,
            user_id,
            username: message.author_name.map(|name| name.as_ref().to_owned()),
            content: message.content,
            message_type: message.kind,
            in_reply_to,
            created_at: message.created_at,
            edited_at: message.edited_at,
            deleted_at: message.deleted_at,
            client_message_id: message.client_id,
            made,
            citations,
            attachments,
            context,
        }
    }
}

impl Form for JsonText {
    fn begin(&mut self, heading: &Heading, text: &mut String) {
        text.push_str("{\"session\":");
        text.push_str(&written(&heading.session));
        text.push_str(",\"messages\":[");
    }

    fn message(&mut self, message: Message, text: &mut String) {
        text.push_str(if self.begun { ",\n" } else { "\n" });
        self.begun = true;
        text.push_str(&written(&Exported::from(message)));
    }

    fn end(&mut self, text: &mut String) {
        text.push_str("\n],\"complete\":true}\n");
    }
}

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        // Our own types have string keys and no failing parts: this cannot be.
        tracing::error!(%error, "a part of an export could not be written as JSON");
        "null".to_owned()
    })
}
