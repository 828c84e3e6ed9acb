//! How mail is sent, and from whom.

use super::read::FromText;
use super::{Key, Problem, Values};
use parlor_accounts::{MailSetupError, Outbox, Smtp};
use parlor_domain::ports::SystemClock;
use std::path::PathBuf;
use std::sync::Arc;

/// The settings of mail.
#[derive(Debug)]
pub(crate) struct Mail {
    /// None: the outbox in the data folder.
    pub(crate) smtp: Option<SmtpUrl>,
    pub(crate) from: Sender,
}

impl Mail {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self { smtp: values.find(Key::SmtpUrl)?, from: values.get(Key::MailFrom)? })
    }
}

/// A URL of a mail server; it may hold a password.
pub(crate) struct SmtpUrl(pub(crate) String);

impl std::fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SmtpUrl(…)")
    }
}

impl FromText for SmtpUrl {
    fn from_text(text: &str) -> Option<Self> {
        // Whether the machine has certificates to trust is another question.
        let made = Smtp::new(text, "parlor@localhost");
        (!matches!(made, Err(MailSetupError::Url))).then(|| Self(text.to_owned()))
    }
}

/// Whom mail is from.
#[derive(Debug)]
pub(crate) struct Sender(pub(crate) String);

impl FromText for Sender {
    fn from_text(text: &str) -> Option<Self> {
        // An outbox that is never used, as every mailer reads a sender in the same way.
        let made = Outbox::new(PathBuf::new(), text, Arc::new(SystemClock));
        made.is_ok().then(|| Self(text.to_owned()))
    }
}
