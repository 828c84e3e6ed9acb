//! The signing secret of a server that was given none: made once, and kept where only the server can read it.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The file's name in the data folder.
pub const FILE_NAME: &str = "jwt-secret";

/// How long a new secret is, in bytes; the file has it in hexadecimal digits.
const LENGTH: usize = 32;
/// How much of a file is read, in bytes: enough for a secret of one's own making.
const FILE_MAX: u64 = 4096;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read or made.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Whoever reads the secret can sign tokens for anybody.
    #[error("{} can be read by others (mode {mode:04o}): run chmod 600 on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{} does not hold a secret of at least 64 hexadecimal digits", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

/// The secret in `data_dir`, made if there is none; so is the folder, for its owner alone.
///
/// However many processes do this at once, all get the same secret: the first file to bear the name stays.
/// When it returns, the secret survives a crash. Errors: [`SecretError`]; nothing is changed then.
pub fn load_or_create(data_dir: &Path) -> Result<Vec<u8>, SecretError> {
    let path = data_dir.join(FILE_NAME);
    if let Some(secret) = load(&path)? {
        return Ok(secret);
    }
    create(data_dir, &path)?;
    load(&path)?.ok_or_else(|| io_error("read", &path)(io::ErrorKind::NotFound.into()))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretError {
    move |source| SecretError::Io { action, path: path.to_owned(), source }
}

/// The secret in the file, if there is a file.
fn load(path: &Path) -> Result<Option<Vec<u8>>, SecretError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(io_error("read", path))?,
    };
    refuse_exposed(&file, path)?;
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(io_error("read", path))?;
    let secret = from_hex(text.trim()).filter(|secret| secret.len() >= LENGTH);
    secret.map(Some).ok_or_else(|| SecretError::Malformed { path: path.to_owned() })
}

#[cfg(unix)]
fn refuse_exposed(file: &File, path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_err(io_error("read", path))?.permissions().mode() & 0o777;
    let of_others = mode & 0o077;
    if of_others == 0 { Ok(()) } else { Err(SecretError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_exposed(_file: &File, _path: &Path) -> Result<(), SecretError> {
    Ok(())
}

fn create(data_dir: &Path, path: &Path) -> Result<(), SecretError> {
    let mut secret = [0; LENGTH];
    getrandom::fill(&mut secret).map_err(SecretError::Random)?;
    private_folder().create(data_dir).map_err(io_error("make the folder", data_dir))?;
    let draft = data_dir.join(format!("{FILE_NAME}.{}.tmp", Uuid::new_v4().simple()));
    let published = write(&draft, &secret)
        .map_err(io_error("write", &draft))
        .and_then(|()| publish(&draft, path).map_err(io_error("make", path)));
    // Whether it has got its real name or not, the draft's name is of no more use.
    let _ = fs::remove_file(&draft);
    published?;
    sync_folder(data_dir).map_err(io_error("write", data_dir))
}

fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn write(draft: &Path, secret: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    file.write_all(to_hex(secret).as_bytes())?;
    file.sync_all()
}

/// Gives the draft its name, unless another process was faster. A link, because a rename would replace its file.
fn publish(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

/// Without this, the name may be lost in a crash although the file is not.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn to_hex(bytes: &[u8]) -> String {
    let mut text = bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.push('\n');
    text
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|digit| digit.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
