//! Mail by SMTP (RFC 5321), through the operator's mail server.

use super::message::{message, sender};
use super::{Mail, MailError, MailSetupError, Mailer};
use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::fmt;
use std::time::Duration;

/// How long the server may take for one step of the dialogue.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a whole mail may take.
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server. Each mail is a connection of its own: there are few, and an idle connection is one more thing to break.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Smtp {
    /// The server at `url`, which gets mail from `from`.
    ///
    /// `smtps://` is TLS from the first byte (port 465); `smtp://…?tls=required` is STARTTLS or nothing (587), and
    /// `?tls=opportunistic` STARTTLS where the server has it; plain `smtp://` is not encrypted (25). User and password
    /// stand in the URL, percent-encoded. Errors: [`MailSetupError`], in which no part of the URL is shown.
    pub fn new(url: &str, from: &str) -> Result<Self, MailSetupError> {
        let from = sender(from)?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|error| match error {
            error if error.is_tls() => MailSetupError::Tls(error),
            _ => MailSetupError::Url,
        })?;
        if sends_password_in_the_clear(url) {
            tracing::warn!(
                "SMTP_URL has a password and no TLS: it can be read on its way; add ?tls=required"
            );
        }
        Ok(Self { transport: builder.timeout(Some(STEP_TIMEOUT)).build(), from })
    }
}

fn sends_password_in_the_clear(url: &str) -> bool {
    let Some((user, rest)) = url.strip_prefix("smtp://").and_then(|rest| rest.split_once('@')) else {
        return false;
    };
    let near = ["localhost", "127.", "[::1]"].iter().any(|host| rest.starts_with(host));
    user.contains(':') && !near && !rest.contains("tls=required")
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = message(mail, &self.from)?;
        match tokio::time::timeout(MAIL_TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(MailError { permanent: error.is_permanent(), source: error.into() }),
            Err(elapsed) => Err(MailError { permanent: false, source: elapsed.into() }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Protects the mail server's password from every message of ours, and operators from a URL that sends nothing.
    #[tokio::test]
    async fn urls_are_taken_or_refused_without_being_shown() {
        let from = "Parlor <parlor@example.org>";
        for url in [
            "smtp://localhost:2525",
            "smtp://ann:s3cret@mail.example.org?tls=required",
            "smtps://ann%40example.org:s3cret@mail.example.org",
        ] {
            let smtp = Smtp::new(url, from).unwrap();
            assert!(!format!("{smtp:?}").contains("s3cret"), "{url}");
        }
        for url in ["", "mail.example.org", "http://ann:s3cret@mail.example.org", "smtp://a:s3cret@m?tls=no"]
        {
            let error = Smtp::new(url, from).unwrap_err();
            assert!(matches!(error, MailSetupError::Url), "{url}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{url}");
        }
        assert!(matches!(Smtp::new("smtp://localhost", "nobody"), Err(MailSetupError::From)));
    }

    #[test]
    fn a_password_in_the_clear_is_noticed() {
        assert!(sends_password_in_the_clear("smtp://a:b@mail.example.org"));
        assert!(sends_password_in_the_clear("smtp://a:b@mail.example.org?tls=opportunistic"));
        for fine in
            ["smtp://mail", "smtps://a:b@mail", "smtp://a:b@mail?tls=required", "smtp://a:b@localhost:25"]
        {
            assert!(!sends_password_in_the_clear(fine), "{fine}");
        }
    }
}
