//! Which database, and how many connections.

use crate::cipher::Keyring;
use crate::error::OpenError;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a database is opened. The defaults are those of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether this process wants an SQLite file for itself, for as long as it has it open; the default. A second
    /// one that wants it is refused. A short command that may run beside a server says no. PostgreSQL is
    /// always shared.
    pub exclusive: bool,
    /// How many connections read (and, in PostgreSQL, make the rare small changes). At least 1; 4 unless set.
    pub readers: u32,
    /// How many transactions of the log may be on their way at once in PostgreSQL, each on a connection of its
    /// own. At least 1; 4 unless set. SQLite has one writer.
    pub writers: u32,
    /// How long to wait for a free or new connection; 5 s unless set.
    pub connect_timeout: Duration,
    /// With which keys what people write is encrypted at rest: the texts of messages, what is attached to them, titles,
    /// replies in the making, profiles, names of files; and the fingerprints that resends are recognised by are keyed. None, the default: it stands there as it was written, and can be searched.
    /// [`Database::rotate_keys`](crate::Database::rotate_keys) encrypts what was there before.
    pub keyring: Option<Keyring>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            exclusive: true,
            readers: 4,
            writers: 4,
            connect_timeout: Duration::from_secs(5),
            keyring: None,
        }
    }
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A file.
    Sqlite(PathBuf),
    /// A server's URL.
    Postgres(String),
}

impl Address {
    /// Understands `sqlite://PATH` and `postgres://…`.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        let refused = |why: &str| Err(OpenError::Address(why.to_owned()));
        match url.strip_prefix("sqlite://") {
            Some("") => refused("sqlite:// names no file: write sqlite://PATH"),
            Some(path) if path.starts_with(":memory:") => {
                refused("names no file, and a log must outlive its server")
            }
            Some(path) if path.contains('\0') => refused("holds a NUL"),
            Some(path) => Ok(Self::Sqlite(Path::new(path).to_owned())),
            None => refused("must begin with sqlite:// or postgres://"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        let sqlite = |path: &str| Some(Address::Sqlite(path.into()));
        let postgres = |url: &str| Some(Address::Postgres(url.into()));
        let check =
            |url: &str, expected: Option<Address>| assert_eq!(Address::parse(url).ok(), expected, "{url}");
        check("sqlite://parlor-data/parlor.db", sqlite("parlor-data/parlor.db"));
        check("sqlite:///var/lib/parlor.db", sqlite("/var/lib/parlor.db"));
        check("postgres://u:p@host/db?sslmode=require", postgres("postgres://u:p@host/db?sslmode=require"));
        check("postgresql:///db", postgres("postgresql:///db"));
        check("sqlite://", None);
        check("sqlite://:memory:", None);
        check("mysql://host/db", None);
        check("", None);
    }
}
