//! Opening an SQLite file: the lock that keeps a second server out, the pragmas, the migrations, the connections.

use crate::cipher::Cipher;
use crate::error::OpenError;
use crate::options::Options;
use crate::pools::{Lite, LogErrors, Pools};
use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, ConnectionResult, SqliteConnection};
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// `busy_timeout` comes first because the switch to WAL needs a lock itself. `synchronous=FULL` syncs the log at every
/// commit: that is what "stored" promises. What commits write goes into the file's own pages only after 4,000 pages
/// (16 MiB), so that a page which many commits change is moved once.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000; \
     PRAGMA journal_size_limit = 67108864;";
/// The writer keeps 16 MiB of pages, because the indexes on ids and fingerprints are written all over.
const WRITER: &str = "PRAGMA cache_size = -16000;";
/// A reader keeps 2 MiB, and is refused if it ever tries to write.
const READER: &str = "PRAGMA cache_size = -2000; PRAGMA query_only = ON;";

/// Holds a file for this process; the system lets go of it when the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct FileLock(#[expect(dead_code, reason = "it is there to be dropped")] File);

impl FileLock {
    /// Takes the lock beside the database `path`.
    fn take(path: &Path) -> Result<Self, OpenError> {
        let beside = PathBuf::from(format!("{}.lock", path.display()));
        let file = private()
            .truncate(false)
            .open(&beside)
            .map_err(|error| OpenError::unreachable(name(path), error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(OpenError::unreachable(name(path), error)),
        }
    }
}

/// How files are made: for the server's own user alone, since they hold what people write to each other.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

/// Opens the file, which is made if need be; its folder must be there. Blocks.
pub(crate) fn open(path: &Path, exclusive: bool) -> Result<(Option<FileLock>, Vec<String>), OpenError> {
    let mut lock = if exclusive { Some(FileLock::take(path)?) } else { None };
    let unreachable = |error: ConnectionError| OpenError::unreachable(name(path), error);
    // SQLite gives its other files the rights of this one.
    private().truncate(false).open(path).map_err(|error| OpenError::unreachable(name(path), error))?;
    let mut connection = connect(&name(path), WRITER).map_err(unreachable)?;
    let failed = |error| OpenError::migration(name(path), error);
    if !connection.has_pending_migration(MIGRATIONS).map_err(failed)? {
        return Ok((lock, Vec::new()));
    }
    // Tables do not change under a running server, so that whoever changes them has the file for himself.
    let until_done = if lock.is_none() { Some(FileLock::take(path)?) } else { None };
    let done = connection.run_pending_migrations(MIGRATIONS).map_err(failed)?;
    drop(until_done);
    Ok((lock.take(), done.iter().map(ToString::to_string).collect()))
}

/// The connections to a file that [`open`] has prepared, without its keys.
pub(crate) async fn pools(path: &Path, options: &Options) -> Result<Pools, OpenError> {
    let pool = async |size: u32, role: &'static str| {
        Pool::builder()
            .max_size(size.max(1))
            .test_on_check_out(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(options.connect_timeout)
            .error_sink(Box::new(LogErrors))
            .build(manager(path, role))
            .await
            .map_err(|error| OpenError::unreachable(name(path), error))
    };
    let (write, read) = (pool(1, WRITER).await?, pool(options.readers, READER).await?);
    Ok(Pools::Sqlite { write, read, cipher: Cipher::default() })
}

fn manager(path: &Path, role: &'static str) -> AsyncDieselConnectionManager<Lite> {
    let mut config = ManagerConfig::<Lite>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |path| {
        let path = path.to_owned();
        Box::pin(async move {
            let connected = tokio::task::spawn_blocking(move || connect(&path, role)).await;
            connected
                .unwrap_or_else(|error| Err(ConnectionError::BadConnection(error.to_string())))
                .map(Lite::new)
        })
    });
    AsyncDieselConnectionManager::new_with_config(name(path), config)
}

fn connect(path: &str, role: &str) -> ConnectionResult<SqliteConnection> {
    let mut connection = SqliteConnection::establish(path)?;
    let prepared = connection.batch_execute(PRAGMAS).and_then(|()| connection.batch_execute(role));
    prepared.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Moves what commits have written into the file itself, so that the file alone is whole. Nothing is lost where it
/// fails.
pub(crate) async fn tidy(write: &Pool<Lite>) {
    use diesel_async::SimpleAsyncConnection;
    let Ok(mut connection) = write.get().await else { return };
    if let Err(error) = connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE);").await {
        tracing::debug!(%error, "the write-ahead log stays beside the database");
    }
}
