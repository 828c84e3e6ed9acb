//! The stores that the suite is run over.

use crate::postgres::Server;
use parlor_domain::ports::Store;
use parlor_domain::testing::MemoryStore;
use parlor_store::{Database, Options};
use std::sync::Arc;
use tempfile::TempDir;

/// A store to test, empty.
pub struct Subject {
    pub store: Arc<dyn Store>,
    kind: Kind,
}

enum Kind {
    Memory,
    Sqlite { folder: TempDir, database: Database },
    Postgres { name: String, database: Database },
}

impl Subject {
    pub fn memory() -> Self {
        Self { store: Arc::new(MemoryStore::new()), kind: Kind::Memory }
    }

    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&file_url(&folder), &Options::default()).await.unwrap();
        Self { store: Arc::new(database.clone()), kind: Kind::Sqlite { folder, database } }
    }

    pub async fn postgres() -> Self {
        let server = Server::shared();
        let name = server.fresh_database().await;
        let database = Database::open(&server.url(&name), &Options::default()).await.unwrap();
        Self { store: Arc::new(database.clone()), kind: Kind::Postgres { name, database } }
    }

    /// Where it is, if it is anywhere.
    pub fn url(&self) -> Option<String> {
        match &self.kind {
            Kind::Memory => None,
            Kind::Sqlite { folder, .. } => Some(file_url(folder)),
            Kind::Postgres { name, .. } => Some(Server::shared().url(name)),
        }
    }

    /// The same data as another process sees it: another node, or a command beside the server.
    pub async fn second(&self) -> Arc<dyn Store> {
        match self.url() {
            None => self.store.clone(),
            Some(url) => {
                let options = Options { exclusive: false, ..Options::default() };
                Arc::new(Database::open(&url, &options).await.unwrap())
            }
        }
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

fn file_url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("parlor.db").display())
}

/// Makes of each function `name(&Subject)` of the module one test for each store.
macro_rules! suite {
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
