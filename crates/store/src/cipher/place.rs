//! What a sealed text is, and whose.

use crate::types::Id;

/// Where a sealed text belongs: it is sealed together with that, and opened nowhere else. A message's text belongs to its
/// conversation too, so that nobody reads it as a participant of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `messages.content`
    Content { conversation: Id, message: Id },
    /// `messages.attached`
    Attached { conversation: Id, message: Id },
    /// `documents.title`
    DocumentTitle(Id),
    /// `documents.body`
    DocumentBody(Id),
    /// `passages.content`
    Passage { document: Id, passage: Id },
    /// `messages.metadata`
    Metadata { conversation: Id, message: Id },
    /// `conversations.title`
    Title(Id),
    /// `turns.content`
    Checkpoint(Id),
    /// `users.profile`
    Profile(Id),
    /// `jobs.payload`
    JobPayload(Id),
    /// `jobs.result`
    JobResult(Id),
    /// `assistants.prompt`
    Assistant(Id),
    /// `uploads.name`
    FileName(Id),
    /// `encryption_keys.proof`
    Proof,
    /// `encryption_secrets.sealed` of the fingerprints
    Fingerprints,
}

impl Place {
    /// The associated data: a byte for what it is, then whose, in two ids. What is sealed depends on it: a number never
    /// gets another meaning.
    pub(super) fn bytes(self) -> [u8; 33] {
        let none = Id(uuid::Uuid::nil());
        let (what, outer, inner) = match self {
            Self::Content { conversation, message } => (1, conversation, message),
            Self::Attached { conversation, message } => (2, conversation, message),
            Self::Title(conversation) => (3, conversation, none),
            Self::Checkpoint(turn) => (4, turn, none),
            Self::Profile(user) => (5, user, none),
            Self::Proof => (6, none, none),
            Self::Fingerprints => (7, none, none),
            Self::Metadata { conversation, message } => (8, conversation, message),
            Self::JobPayload(job) => (16, job, none),
            Self::JobResult(job) => (17, job, none),
            Self::Assistant(assistant) => (14, assistant, none),
            Self::DocumentTitle(document) => (20, document, none),
            Self::DocumentBody(document) => (21, document, none),
            Self::Passage { document, passage } => (22, document, passage),
            Self::FileName(file) => (23, file, none),
        };
        let mut bytes = [what; 33];
        bytes[1..17].copy_from_slice(outer.0.as_bytes());
        bytes[17..].copy_from_slice(inner.0.as_bytes());
        bytes
    }

    /// Its table, for who reads an error.
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Content { .. } | Self::Attached { .. } | Self::Metadata { .. } => "messages",
            Self::DocumentTitle(_) | Self::DocumentBody(_) => "documents",
            Self::Passage { .. } => "passages",
            Self::Title(_) => "conversations",
            Self::Checkpoint(_) => "turns",
            Self::Profile(_) => "users",
            Self::JobPayload(_) | Self::JobResult(_) => "jobs",
            Self::Assistant(_) => "assistants",
            Self::FileName(_) => "uploads",
            Self::Proof => "encryption_keys",
            Self::Fingerprints => "encryption_secrets",
        }
    }
}
