//! Files that are read by a child process with little memory and time. A panic, a stack that is too deep, a loop without an
//! end or a bomb that is unpacked ends the child, and nothing else.

use async_trait::async_trait;
use bytes::Bytes;
use parlor_domain::ports::{ExtractError, Extractor};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many children there are at once.
const CHILDREN: usize = 2;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much time of a processor it has, in seconds, and how much memory, in bytes: allocators reserve a part of that which
/// they never use.
const CPU: u64 = 10;
const MEMORY: u64 = 3 * 1024 * 1024 * 1024;
/// How large a file it reads, in bytes.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// With which code a child ends that could not do it.
const BROKEN: u8 = 3;
const TOO_LARGE: u8 = 4;
const NOT_KNOWN: u8 = 5;

/// An [`Extractor`] that reads plain texts itself and has HTML and PDF read by a program, which calls [`extract_here`].
#[derive(Debug)]
pub struct Extracting {
    program: PathBuf,
    arguments: Vec<OsString>,
    places: Semaphore,
}

impl Extracting {
    /// Has what is not plain read by `program`, which is told these arguments and then the content's type and the most bytes of text.
    pub fn by(program: PathBuf, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program, arguments, places: Semaphore::new(CHILDREN) }
    }

    async fn ask(&self, content: &[u8], content_type: &str, most: usize) -> Result<String, ExtractError> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await.map_err(|_| ExtractError::TooLarge)?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(content_type)
            .arg(most.to_string())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|error| ExtractError::Broken(format!("nothing reads it: {error}")))?;
        let answered = timeout(PATIENCE, exchange(&mut child, content, most)).await;
        answered.unwrap_or(Err(ExtractError::TooLarge))
    }
}

async fn exchange(child: &mut Child, content: &[u8], most: usize) -> Result<String, ExtractError> {
    let lost = || ExtractError::Broken("what reads it broke off".to_owned());
    let (mut to, from) = (child.stdin.take().ok_or_else(lost)?, child.stdout.take().ok_or_else(lost)?);
    let mut text = Vec::new();
    let mut answer = from.take(most as u64 + 1);
    let writing = async {
        // One that has seen enough reads no further.
        let _ = to.write_all(content).await;
        drop(to);
    };
    let (read, ()) = tokio::join!(answer.read_to_end(&mut text), writing);
    read.map_err(|_| lost())?;
    if text.len() > most {
        return Err(ExtractError::TooLarge);
    }
    let status = child.wait().await.map_err(|_| lost())?;
    match status.code().map(u8::try_from) {
        Some(Ok(0)) => String::from_utf8(text).map_err(|_| lost()),
        Some(Ok(BROKEN)) => Err(ExtractError::Broken(String::from_utf8_lossy(&text).into_owned())),
        Some(Ok(NOT_KNOWN)) => Err(ExtractError::Type),
        // No code: the system ended it, because it wanted too much of something.
        Some(Ok(TOO_LARGE)) | None => Err(ExtractError::TooLarge),
        // A panic.
        Some(_) => Err(lost()),
    }
}

#[async_trait]
impl Extractor for Extracting {
    async fn extract(&self, content: Bytes, content_type: &str, most: usize) -> Result<String, ExtractError> {
        if crate::is_plain(content_type) {
            return crate::text(&content, content_type, most);
        }
        self.ask(&content, content_type, most).await
    }
}

/// What the child does: takes little of the machine for its own, reads a file from its input and writes the text to its output.
pub fn extract_here(content_type: &str, most: usize) -> ExitCode {
    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    // Where the system has no such limits, the parent's patience is the only one.
    let _ = setrlimit(Resource::As, limit(MEMORY));
    let _ = setrlimit(Resource::Cpu, limit(CPU));
    let _ = setrlimit(Resource::Core, limit(0));
    let mut content = Vec::new();
    if std::io::stdin().lock().take(FILE_MAX).read_to_end(&mut content).is_err() {
        return ExitCode::from(BROKEN);
    }
    let (code, answer) = match crate::text(&content, content_type, most) {
        Ok(text) => (0, text),
        Err(ExtractError::TooLarge) => (TOO_LARGE, String::new()),
        Err(ExtractError::Broken(words)) => (BROKEN, words),
        Err(ExtractError::Type) => (NOT_KNOWN, String::new()),
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(answer.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(BROKEN),
    }
}
