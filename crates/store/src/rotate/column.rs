//! The columns that hold sealed texts, and the words that both databases ask for them with. (`$1` is a place for a value
//! in both, as long as the first use of each stands in order.)

use crate::cipher::{Cipher, Place};
use crate::error::{Error, Result};
use crate::types::{Id, sql};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

/// What is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Title,
    Content,
    Attached,
    Metadata,
    Checkpoint,
    Profile,
    JobPayload,
    JobResult,
    Prompt,
    DocumentTitle,
    DocumentBody,
    Passage,
    FileName,
}

/// A text that is due: its row, whose it is, itself, its key; and a plain fingerprint.
#[derive(Debug, QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct Due {
    #[diesel(sql_type = sql::Uid)]
    pub(super) id: Id,
    #[diesel(sql_type = sql::Uid)]
    owner: Id,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Nullable<Text>)]
    key: Option<String>,
    #[diesel(sql_type = Nullable<sql::Uid>)]
    plain: Option<Id>,
}

/// A text under the current key, and its fingerprint where that was plain.
pub(super) struct Anew<'a> {
    pub(super) id: Id,
    pub(super) text: String,
    pub(super) key: Option<&'a str>,
    pub(super) fingerprint: Option<Id>,
}

impl Column {
    pub(crate) const ALL: [Self; 13] = [
        Self::Title,
        Self::Content,
        Self::Attached,
        Self::Metadata,
        Self::Checkpoint,
        Self::Profile,
        Self::Prompt,
        Self::JobPayload,
        Self::JobResult,
        Self::DocumentTitle,
        Self::DocumentBody,
        Self::Passage,
        Self::FileName,
    ];

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Title => "conversations",
            Self::Content | Self::Attached | Self::Metadata => "messages",
            Self::Checkpoint => "turns",
            Self::Profile => "users",
            Self::JobPayload | Self::JobResult => "jobs",
            Self::Prompt => "assistants",
            Self::DocumentTitle | Self::DocumentBody => "documents",
            Self::Passage => "passages",
            Self::FileName => "uploads",
        }
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Title | Self::DocumentTitle => "title",
            Self::DocumentBody => "body",
            Self::Content | Self::Checkpoint | Self::Passage => "content",
            Self::Attached => "attached",
            Self::Metadata => "metadata",
            Self::Profile => "profile",
            Self::JobPayload => "payload",
            Self::JobResult => "result",
            Self::Prompt => "prompt",
            Self::FileName => "name",
        }
    }

    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Title | Self::Content | Self::Checkpoint | Self::Passage => "key_id",
            Self::DocumentTitle => "title_key",
            Self::DocumentBody => "body_key",
            Self::Attached => "attached_key",
            Self::Metadata => "metadata_key",
            Self::Profile => "profile_key",
            Self::JobPayload => "payload_key",
            Self::JobResult => "result_key",
            Self::Prompt => "prompt_key",
            Self::FileName => "name_key",
        }
    }

    /// What else is set with it, from a row `anew`: a sealed title is neither folded nor indexed, and a fingerprint is
    /// keyed. Where the keyed one is there already (a server without keys has taken a resend for new) it stays with
    /// the message that it was first of.
    pub(super) const fn also(self) -> &'static str {
        match self {
            Self::Title => ", title_folded = '', indexed_seq = -1",
            Self::Content => {
                ", fingerprint = CASE WHEN anew.fingerprint IS NULL THEN messages.fingerprint \
                 WHEN EXISTS (SELECT 1 FROM messages AS other WHERE other.fingerprint = anew.fingerprint \
                 AND other.conversation_id = messages.conversation_id) THEN NULL ELSE anew.fingerprint END, \
                 fingerprint_keyed = CASE WHEN anew.fingerprint IS NULL THEN messages.fingerprint_keyed ELSE true END"
            }
            _ => "",
        }
    }

    /// What tells a plain fingerprint: it stays when its text is edited or deleted.
    const fn has_plain(self) -> &'static str {
        match self {
            Self::Content => "fingerprint IS NOT NULL AND fingerprint_keyed IS NULL",
            _ => "false",
        }
    }

    const fn plain(self) -> &'static str {
        match self {
            Self::Content => "CASE WHEN fingerprint_keyed IS NULL THEN fingerprint END",
            _ => "NULL",
        }
    }

    const fn owner(self) -> &'static str {
        match self {
            Self::Content | Self::Attached | Self::Metadata => "conversation_id",
            Self::Passage => "document_id",
            _ => "id",
        }
    }

    const fn place(self, Due { id, owner, .. }: &Due) -> Place {
        let (conversation, message) = (*owner, *id);
        match self {
            Self::Title => Place::Title(*id),
            Self::Content => Place::Content { conversation, message },
            Self::Attached => Place::Attached { conversation, message },
            Self::Metadata => Place::Metadata { conversation, message },
            Self::Checkpoint => Place::Checkpoint(*id),
            Self::Profile => Place::Profile(*id),
            Self::JobPayload => Place::JobPayload(*id),
            Self::JobResult => Place::JobResult(*id),
            Self::Prompt => Place::Assistant(*id),
            Self::DocumentTitle => Place::DocumentTitle(*id),
            Self::DocumentBody => Place::DocumentBody(*id),
            Self::Passage => Place::Passage { document: *owner, passage: *id },
            Self::FileName => Place::FileName(*id),
        }
    }

    /// The texts that are not under the key `current`, a place for a value, or whose fingerprint is plain.
    fn is_due(self, current: &str) -> String {
        let (text, key, has_plain) = (self.text(), self.key(), self.has_plain());
        format!("({text} <> '' AND ({key} IS NULL OR {key} <> {current}) OR {has_plain})")
    }

    /// The ids of the next rows that are due, behind `$1`; the current key is `$2`.
    pub(super) fn next(self, limit: usize) -> String {
        let (table, due) = (self.table(), self.is_due("$2"));
        format!("SELECT id FROM {table} WHERE id > $1 AND {due} ORDER BY id LIMIT {limit}")
    }

    /// What is due of the rows that are `which`, which has `$1`; the current key is `$2`.
    pub(super) fn due(self, which: &str) -> String {
        let (table, text, key, owner) = (self.table(), self.text(), self.key(), self.owner());
        let (plain, due) = (self.plain(), self.is_due("$2"));
        format!(
            "SELECT id, {owner} AS owner, {text} AS text, {key} AS key, {plain} AS plain FROM {table} \
             WHERE {which} AND {due}"
        )
    }

    /// How many are due; the current key is `$1`.
    pub(super) fn count(self) -> String {
        format!("SELECT count(*) AS left FROM {} WHERE {}", self.table(), self.is_due("$1"))
    }

    /// The text under the current key. None where it cannot be opened: what stands there stays.
    pub(super) fn anew(self, cipher: &Cipher, due: Due) -> Result<Option<Anew<'_>>> {
        let place = self.place(&due);
        let Due { id, text, key, plain, .. } = due;
        match cipher.open(place, key.as_deref(), text) {
            Ok(text) => {
                let sealed = cipher.seal(place, &text)?;
                let (text, key) = sealed.map_or((text, None), |sealed| (sealed.text, Some(sealed.key)));
                let fingerprint = plain.map(|plain| cipher.fingerprint(plain.into()).id);
                Ok(Some(Anew { id, text, key, fingerprint }))
            }
            Err(error @ (Error::UnknownKey { .. } | Error::Unsealable(_))) => {
                tracing::warn!(id = %id.0, %error, "a text stays as it is");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
