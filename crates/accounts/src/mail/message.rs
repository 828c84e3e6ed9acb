//! A mail in the form that travels (RFC 5322): text and HTML, the reader's choice.

use super::{Mail, MailError, MailSetupError};
use lettre::Message;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use std::error::Error;

/// Says that no person wrote this, so that no robot answers (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The sender, from the text of a setting.
pub(super) fn sender(from: &str) -> Result<Mailbox, MailSetupError> {
    from.parse().map_err(|_| MailSetupError::From)
}

/// The mail from this sender. Error: [`MailError`], permanent, where it cannot be written so.
pub(super) fn message(mail: &Mail, from: &Mailbox) -> Result<Message, MailError> {
    let to = mail.to.parse().map_err(|error| refused(Box::new(error)))?;
    let built = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.subject)
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .header(AutoSubmitted)
        .date_now()
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()));
    built.map_err(|error| refused(Box::new(error)))
}

fn refused(source: Box<dyn Error + Send + Sync>) -> MailError {
    MailError { permanent: true, source }
}
