//! Opening a PostgreSQL database: connections with TLS where the URL asks for it, and migrations under a lock.

mod tls;

use self::tls::{Connector, Tls};
use crate::cipher::Cipher;
use crate::error::{Cause, OpenError};
use crate::knowledge::pgvector::Pgvector;
use crate::options::Options;
use crate::pools::{LogErrors, Pools};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::time::Duration;
use tokio_postgres::config::Host;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// The advisory lock of whoever changes the tables: "PARL", 1.
const LOCK: &str = "SELECT pg_advisory_lock(1346458188, 1)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(1346458188, 1)";

/// What is set on every connection: what was answered promises that the commit was synced, so a database that is set to
/// reply earlier is overruled.
const SETTINGS: &str = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; ";

/// What is set beside it on a connection that writes the log. All of its statements look up rows by an index, on tables
/// that grow: a plan made while they were small must not read them whole, and planning anew would cost more than the
/// statement.
const LOG_SETTINGS: &str = "\
    SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;";

/// How long a server may leave bytes unacknowledged before its connection is taken for dead. The system's own limits
/// are hours.
const DEAD_AFTER: Duration = Duration::from_secs(30);

/// A PostgreSQL database that can be connected to.
#[derive(Clone)]
pub(crate) struct Server {
    config: tokio_postgres::Config,
    tls: Connector,
    /// Host and database, for people.
    pub(crate) name: String,
}

impl Server {
    /// Understands a `postgres://` URL.
    pub(crate) fn parse(url: &str, connect_timeout: Duration) -> Result<Self, OpenError> {
        let (url, tls) = Tls::split_off(url).map_err(OpenError::Address)?;
        let refused = |error: &dyn std::error::Error| {
            // The error's source says which part is wrong, and never what stands there.
            let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            OpenError::Address(format!("cannot be understood: {why}"))
        };
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|error: tokio_postgres::Error| refused(&error))?;
        config.ssl_mode(tls.mode());
        if config.get_application_name().is_none() {
            config.application_name("parlor");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(connect_timeout);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(DEAD_AFTER);
        }
        config.keepalives_idle(config.get_keepalives_idle().min(DEAD_AFTER));
        let name = name(&config);
        let tls = tls.connector().map_err(|error| OpenError::unreachable(&*name, error))?;
        Ok(Self { config, tls, name })
    }

    async fn connect(&self, settings: &str) -> ConnectionResult<AsyncPgConnection> {
        let refused = |error: tokio_postgres::Error| ConnectionError::BadConnection(plain(&error));
        let (client, connection) = self.config.connect(self.tls.clone()).await.map_err(refused)?;
        let mut connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
        connection
            .batch_execute(&format!("{SETTINGS}{settings}"))
            .await
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }

    /// Brings the tables up to date, while every other server that starts waits. Gives what was done.
    pub(crate) async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        let connected = self.connect("").await;
        let mut connection = connected.map_err(|error| OpenError::unreachable(&*self.name, error))?;
        let failed = |error: Cause| OpenError::migration(&*self.name, error);
        connection.batch_execute(LOCK).await.map_err(|error| failed(error.into()))?;
        let migrated = tokio::task::spawn_blocking(move || {
            let mut connection = AsyncConnectionWrapper::<AsyncPgConnection>::from(connection);
            let done = connection.run_pending_migrations(MIGRATIONS)?;
            let done = done.iter().map(ToString::to_string).collect();
            Ok::<(Vec<String>, AsyncPgConnection), Cause>((done, connection.into_inner()))
        });
        // Where it fails the connection is dropped, and the lock with it.
        let (done, mut connection) = migrated.await.map_err(|error| failed(error.into()))?.map_err(failed)?;
        connection.batch_execute(UNLOCK).await.map_err(|error| failed(error.into()))?;
        Ok(done)
    }

    /// The connections for serving, without the keys.
    pub(crate) async fn pools(&self, options: &Options) -> Result<Pools, OpenError> {
        let pool = async |size: u32, settings: &'static str| {
            Pool::builder()
                .max_size(size.max(1))
                .test_on_check_out(true)
                .connection_timeout(options.connect_timeout)
                .error_sink(Box::new(LogErrors))
                .build(self.manager(settings))
                .await
                .map_err(|error| OpenError::unreachable(&*self.name, error))
        };
        let failed = |error| OpenError::unreachable(&*self.name, error);
        Ok(Pools::Postgres {
            log: pool(options.writers, LOG_SETTINGS).await?,
            general: pool(options.readers, "").await?,
            pgvector: Pgvector::prepare(&mut self.connect("").await.map_err(failed)?).await,
            cipher: Cipher::default(),
        })
    }

    fn manager(&self, settings: &'static str) -> AsyncDieselConnectionManager<AsyncPgConnection> {
        let server = self.clone();
        let mut config = ManagerConfig::<AsyncPgConnection>::default();
        // A look at the socket's state, not a question to the server: a connection that is known to be closed is not
        // given out. One that breaks later fails its query.
        config.recycling_method = RecyclingMethod::CustomFunction(Box::new(|connection| {
            let closed = || DatabaseErrorKind::ClosedConnection;
            let gone =
                connection.is_broken().then(|| Error::DatabaseError(closed(), Box::new(String::new())));
            Box::pin(std::future::ready(gone.map_or(Ok(()), Err)))
        }));
        config.custom_setup = Box::new(move |_| {
            let server = server.clone();
            Box::pin(async move { server.connect(settings).await })
        });
        AsyncDieselConnectionManager::new_with_config("", config)
    }
}

/// Host and database of `config`, without user and password.
fn name(config: &tokio_postgres::Config) -> String {
    let host = config.get_hosts().first().map_or_else(String::new, |host| match host {
        Host::Tcp(host) => host.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let port = config.get_ports().first().map_or_else(String::new, |port| format!(":{port}"));
    format!("{host}{port}/{}", config.get_dbname().unwrap_or_default())
}

/// The error with its cause: "db error" alone helps nobody.
fn plain(error: &tokio_postgres::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
