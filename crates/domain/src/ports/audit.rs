//! The audit log: who did what of consequence, when and from where. It only grows.

use super::StoreError;
use crate::{ErrorCode, Timestamp, UserId};
use async_trait::async_trait;
use std::net::IpAddr;
use uuid::Uuid;

macro_rules! actions {
    ($($variant:ident $word:literal $meaning:literal;)*) => {
        /// What is audited.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AuditAction {
            $(#[doc = $meaning] $variant,)*
        }

        impl AuditAction {
            /// Every action, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in the log. It never changes.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

actions! {
    SignUp "sign_up" "Somebody wanted an account.";
    EmailVerify "email_verify" "Somebody brought the code of a sign-up.";
    SignIn "sign_in" "Somebody brought a password.";
    SignInVerify "sign_in_verify" "Somebody brought the code of a sign-in.";
    GuestSignIn "guest_sign_in" "Somebody without an account was let in.";
    TokenReuse "token_reuse" "A refresh token came a second time: its sign-in was ended.";
    SignOut "sign_out" "A sign-in was ended by its user.";
    TokenIssue "token_issue" "An operator issued a token on the command line.";
    UserImport "user_import" "An operator brought an account with its password's hash.";
    ConversationDelete "conversation_delete" "A conversation was deleted.";
    ConversationRestore "conversation_restore" "A deleted conversation was restored.";
    ConversationExport "conversation_export" "A conversation was exported.";
    ConversationPurge "conversation_purge" "A conversation that was deleted long ago was removed for good.";
    RoomDelete "room_delete" "A room was deleted.";
    AssistantCreate "assistant_create" "An assistant of the server's was made.";
    AssistantChange "assistant_change" "An assistant of the server's was changed.";
    AssistantDelete "assistant_delete" "An assistant of the server's was removed.";
    ContentFlag "content_flag" "A moderator refused a text; what it said is not written down.";
    DocumentDelete "document_delete" "A document was removed, or somebody wanted to.";
    FileDelete "file_delete" "A file was deleted.";
    FileRefuse "file_refuse" "A file had a virus, and was removed.";
    StatsRead "stats_read" "An admin read the server's figures.";
    UsageRead "usage_read" "An admin read what all users have used.";
    JobsRead "jobs_read" "An admin read which jobs failed.";
    AuditRead "audit_read" "An admin read this log.";
    KeyRotate "key_rotate" "An operator had everything encrypted with the current key.";
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id: a `UUIDv7`, so that entries are read in the order of their making.
    pub id: Uuid,
    /// When, in microseconds.
    pub at: Timestamp,
    /// Who did it, where that is known: not before they have proved it.
    pub actor: Option<UserId>,
    /// The address of the account that it was about, as it was given; at most 254 bytes.
    pub account: Option<String>,
    /// From where it was done; none on the command line and by the server itself.
    pub address: Option<IpAddr>,
    /// What: the word of an [`AuditAction`].
    pub action: String,
    /// What it was done to: an id of a conversation, a room, or a figure.
    pub subject: Option<String>,
    /// What became of it: `done`, or the [`ErrorCode`] with which it was refused.
    pub outcome: String,
}

/// The outcome of what was done.
pub const AUDIT_DONE: &str = "done";

impl AuditEntry {
    /// An entry of something that was done, by nobody, now.
    pub fn new(action: AuditAction, at: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            at,
            actor: None,
            account: None,
            address: None,
            action: action.as_str().to_owned(),
            subject: None,
            outcome: AUDIT_DONE.to_owned(),
        }
    }

    /// The same, refused where there is a code.
    #[must_use]
    pub fn refused(self, code: Option<ErrorCode>) -> Self {
        let outcome = code.map_or(AUDIT_DONE, ErrorCode::as_str).to_owned();
        Self { outcome, ..self }
    }
}

/// Which entries are wanted. What is none does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of this user's doing.
    pub actor: Option<UserId>,
    /// Only this action.
    pub action: Option<String>,
    /// Only those made at or after this.
    pub since: Option<Timestamp>,
    /// Only those made before this.
    pub until: Option<Timestamp>,
}

/// The audit log on disk. The schema itself refuses to change or remove an entry.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Adds entries, all or none. They are durable when it returns.
    async fn audit_append(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError>;

    /// Entries, newest id first, at most `limit`, those with a lower id than `before`.
    async fn audit_list(
        &self,
        filter: AuditFilter,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError>;
}
