//! The outbox: where mail goes on a server that was given no mail server. A file a mail, for who tries Parlor out.

use super::message::{message, sender};
use super::{Mail, MailError, MailSetupError, Mailer};
use async_trait::async_trait;
use lettre::message::Mailbox;
use parlor_domain::ports::Clock;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder that mail is written to, readable for the server's own user alone.
pub struct Outbox {
    folder: PathBuf,
    from: Mailbox,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Outbox {
    /// The outbox in this folder, which is made with the first mail. Error: [`MailSetupError::From`].
    pub fn new(folder: PathBuf, from: &str, clock: Arc<dyn Clock>) -> Result<Self, MailSetupError> {
        Ok(Self { folder, from: sender(from)?, clock })
    }
}

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let bytes = message(mail, &self.from)?.formatted();
        // No colons: not every file system bears them.
        let time = self.clock.now().to_string().replace(':', "");
        let path = self.folder.join(format!("{time}-{}.eml", mail.id));
        let target = path.clone();
        let written = tokio::task::spawn_blocking(move || write(&target, &bytes)).await;
        written
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| MailError { permanent: false, source: error.into() })?;
        tracing::info!(path = %path.display(), "no mail server is configured: the mail is in the outbox");
        Ok(())
    }
}

/// Whoever looks into the folder sees whole mails alone.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("tmp");
    if let Some(folder) = path.parent() {
        private_folder().create(folder)?;
    }
    let written = private_file().open(&draft).and_then(|mut file| file.write_all(bytes));
    written.and_then(|()| fs::rename(&draft, path)).inspect_err(|_| {
        // The first failure is the one to tell of.
        let _ = fs::remove_file(&draft);
    })
}

fn private_folder() -> DirBuilder {
    let mut folder = DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder
}

fn private_file() -> OpenOptions {
    let mut file = OpenOptions::new();
    file.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file
}
