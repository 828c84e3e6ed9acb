//! Mail: how a code gets to its person.
//!
//! [`OwnAccounts`](crate::OwnAccounts) writes a [`Letter`] and puts it into the [`MailQueue`]; the queue's task hands it to
//! the [`Mailer`]. An answer to a client never waits for a mail.

mod letters;
mod message;
mod outbox;
mod queue;
mod smtp;

pub(crate) use letters::Letter;
pub use outbox::Outbox;
pub use queue::MailQueue;
pub use smtp::Smtp;

use async_trait::async_trait;
use std::error::Error;
use std::fmt;
use uuid::Uuid;

/// One mail to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Names it in our log, and in its `Message-ID`.
    pub id: Uuid,
    /// To whom: an address in the form of [`normalise_address`](crate::normalise_address).
    pub to: String,
    /// The subject. It says nothing that a locked phone may not show.
    pub subject: &'static str,
    /// The text. It holds a code.
    pub text: String,
    /// The same in HTML.
    pub html: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("id", &self.id).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
#[error("the mail was not sent")]
pub struct MailError {
    /// Whether sending it again cannot help.
    pub permanent: bool,
    /// Why.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// Why mail cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum MailSetupError {
    /// The URL names no mail server. It is not shown: it may hold a password.
    #[error(
        "SMTP_URL is smtp://host, smtp://host?tls=required or smtps://host, with user:password@ where needed"
    )]
    Url,
    /// The sender is no address.
    #[error("MAIL_FROM is an address, or a name and an address: Parlor <parlor@example.org>")]
    From,
    /// Trust in certificates could not be set up.
    #[error("TLS to the mail server cannot be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
}

/// Sends mail. It tries once, and gives up by itself: its caller waits for it.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Sends a mail. When it returns, another server has it, or the disk.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}
