//! The stores that the suite is run over.

use crate::postgres::Server;
use parlor_domain::ports::{CredentialStore, Store};
use parlor_domain::testing::MemoryStore;
use parlor_store::{Database, Keyring, Options};
use std::sync::Arc;
use tempfile::TempDir;

/// A store to test, empty.
pub struct Subject {
    pub store: Arc<dyn Store>,
    /// The same store: what accounts are kept in.
    pub people: Arc<dyn CredentialStore>,
    kind: Kind,
    options: Options,
}

/// A store as one node has it.
#[derive(Clone)]
pub struct Node {
    pub store: Arc<dyn Store>,
    pub people: Arc<dyn CredentialStore>,
}

enum Kind {
    Memory,
    Sqlite { folder: TempDir, database: Database },
    Postgres { name: String, server: &'static Server, database: Database },
}

impl Subject {
    pub fn memory() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { store: store.clone(), people: store, kind: Kind::Memory, options: Options::default() }
    }

    pub async fn sqlite() -> Self {
        Self::sqlite_with(Options::default()).await
    }

    pub async fn sqlite_with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&file_url(&folder), &options).await.unwrap();
        let store = Arc::new(database.clone());
        Self { store: store.clone(), people: store, kind: Kind::Sqlite { folder, database }, options }
    }

    pub async fn postgres() -> Self {
        Self::postgres_with(Options::default()).await
    }

    pub async fn postgres_with(options: Options) -> Self {
        Self::postgres_at(Server::shared(), options).await
    }

    /// A PostgreSQL that has the extension for vectors.
    pub async fn pgvector() -> Self {
        Self::postgres_at(Server::with_pgvector(), Options::default()).await
    }

    async fn postgres_at(server: &'static Server, options: Options) -> Self {
        let name = server.fresh_database().await;
        let database = Database::open(&server.url(&name), &options).await.unwrap();
        let store = Arc::new(database.clone());
        Self { store: store.clone(), people: store, kind: Kind::Postgres { name, server, database }, options }
    }

    /// Where it is, if it is anywhere.
    pub fn url(&self) -> Option<String> {
        match &self.kind {
            Kind::Memory => None,
            Kind::Sqlite { folder, .. } => Some(file_url(folder)),
            Kind::Postgres { name, server, .. } => Some(server.url(name)),
        }
    }

    /// The same data as another process sees it: another node, or a command beside the server.
    pub async fn second(&self) -> Arc<dyn Store> {
        match self.url() {
            None => self.store.clone(),
            Some(url) => {
                let options = Options { exclusive: false, ..self.options.clone() };
                Arc::new(Database::open(&url, &options).await.unwrap())
            }
        }
    }

    /// Two nodes on the same data, where there can be two; else the same one twice.
    pub async fn nodes(&self) -> [Node; 2] {
        let here = Node { store: self.store.clone(), people: self.people.clone() };
        let Kind::Postgres { name, server, .. } = &self.kind else { return [here.clone(), here] };
        let second = Database::open(&server.url(name), &self.options).await.unwrap();
        let second = Arc::new(second);
        [here, Node { store: second.clone(), people: second }]
    }

    /// The database behind the store, if there is one.
    pub fn database(&self) -> Option<&Database> {
        match &self.kind {
            Kind::Memory => None,
            Kind::Sqlite { database, .. } | Kind::Postgres { database, .. } => Some(database),
        }
    }

    /// Lets go of the store, but keeps the data as long as the result lives.
    pub fn forget(self) -> Option<TempDir> {
        match self.kind {
            Kind::Sqlite { folder, .. } => Some(folder),
            Kind::Memory | Kind::Postgres { .. } => None,
        }
    }

    /// Whether this process alone can have the data, so that every other node's turns are those of the dead.
    pub fn is_alone(&self) -> bool {
        !matches!(self.kind, Kind::Postgres { .. })
    }
}

/// Options with keys that are made of their ids, the current one first.
pub fn sealed(ids: &[&str]) -> Options {
    // 43 characters and an end: the base64 of 32 bytes.
    let key = |id: &&str| format!("{id}:{}A=", id.repeat(42).chars().take(42).collect::<String>());
    let keyring = Keyring::parse(&ids.iter().map(key).collect::<Vec<_>>().join(",")).unwrap();
    Options { keyring: Some(keyring), ..Options::default() }
}

fn file_url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("parlor.db").display())
}

/// Makes of each function `name(&Subject)` of the module one test for each store.
///
/// `suite! { sealed too: … }` also runs it over databases that encrypt what is written.
macro_rules! suite {
    (sealed too: $($name:ident)*) => {
        $crate::subject::suite! { $($name)* }
        mod sealed_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let options = $crate::subject::sealed(&["a"]);
                super::$name(&$crate::subject::Subject::sqlite_with(options).await).await;
            })*
        }
        mod sealed_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let options = $crate::subject::sealed(&["a"]);
                super::$name(&$crate::subject::Subject::postgres_with(options).await).await;
            })*
        }
    };
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&$crate::subject::Subject::memory()).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&$crate::subject::Subject::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&$crate::subject::Subject::postgres().await).await;
            })*
        }
    };
}
pub(crate) use suite;
