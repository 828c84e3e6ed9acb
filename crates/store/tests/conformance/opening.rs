//! Opening: migrations, locks, TLS, and what the operator is told when it does not work.

use crate::postgres::Server;
use crate::subject::Subject;
use crate::write::{Scene, at};
use parlor_domain::ports::{Role, Store};
use parlor_store::{Database, OpenError, Options};
use std::fs::File;

fn beside() -> Options {
    Options { exclusive: false, ..Options::default() }
}

async fn refusal(url: &str, options: &Options) -> OpenError {
    match Database::open(url, options).await {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => error,
    }
}

async fn migrating_twice_does_nothing_the_second_time(url: &str) {
    let steps = Database::migrate(url).await.unwrap();
    assert!(!steps.is_empty() && steps[0].starts_with("2026"), "{steps:?}");
    assert_eq!(Database::migrate(url).await.unwrap(), Vec::<String>::new());
    Database::open(url, &Options::default()).await.unwrap().health().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_migrated_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("new.db").display());
    migrating_twice_does_nothing_the_second_time(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_migrated_once() {
    let server = Server::shared();
    let url = server.url(&server.fresh_database().await);
    migrating_twice_does_nothing_the_second_time(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_migrate_one_after_the_other() {
    let server = Server::shared();
    let url = server.url(&server.fresh_database().await);
    let options = Options::default();
    let nodes = (0..6).map(|_| Database::open(&url, &options));
    for node in futures_util::future::join_all(nodes).await {
        node.unwrap().health().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_one_file_is_refused() {
    let subject = Subject::sqlite().await;
    let url = subject.url().unwrap();
    let error = refusal(&url, &Options::default()).await;
    assert!(matches!(error, OpenError::InUse(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("another Parlor server is using /") && text.contains("parlor.db"), "{text}");
    assert!(matches!(Database::migrate(&url).await, Err(OpenError::InUse(_))));

    subject.database().unwrap().close().await;
    let kept = subject.forget();
    Database::open(&url, &Options::default()).await.unwrap();
    drop(kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_command_works_beside_a_server() {
    let subject = Subject::sqlite().await;
    let command = Database::open(&subject.url().unwrap(), &beside()).await.unwrap();
    let ann = command.user_ensure("ann@example.org", Some(Role::User), at(0)).await.unwrap();
    assert_eq!(subject.store.user_get(ann.id).await.unwrap(), Some(ann));
    // It does not take the turns of the server for those of the dead.
    let scene = Scene::new(&subject.store).await;
    scene.live_turn().await;
    assert_eq!(command.turns_orphaned(uuid::Uuid::new_v4(), at(0)).await.unwrap(), []);
    command.close().await;
    scene.store(scene.message("the server goes on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_command_works_before_the_first_server() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("new.db").display());
    let command = Database::open(&url, &beside()).await.unwrap();
    command.user_ensure("ann@example.org", Some(Role::User), at(0)).await.unwrap();
    // The lock was only for the migration.
    Database::open(&url, &Options::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_command_does_not_change_tables_under_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let held = File::create(folder.path().join("old.db.lock")).unwrap();
    held.lock().unwrap();
    let error = refusal(&format!("sqlite://{}", path.display()), &beside()).await;
    assert!(matches!(error, OpenError::InUse(_)), "{error:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let subject = Subject::sqlite().await;
    let scene = Scene::new(&subject.store).await;
    scene.store(scene.message("hello")).await;
    let path = subject.url().unwrap().replace("sqlite://", "");
    for end in ["", "-wal", "-shm", ".lock"] {
        let mode = std::fs::metadata(format!("{path}{end}")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{end}");
    }
}

/// The sync at every commit is what "stored" stands on; nobody notices its absence until the power fails.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_writes_ahead() {
    let subject = Subject::sqlite().await;
    let path = subject.url().unwrap().replace("sqlite://", "");
    let file = rusqlite::Connection::open(path).unwrap();
    let mode: String = file.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere").join("parlor.db");
    let error = refusal(&format!("sqlite://{}", nowhere.display()), &Options::default()).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&nowhere.display().to_string()), "{error}");

    let no_database = folder.path().join("text.db");
    std::fs::write(&no_database, "this is no database, it only looks long enough ".repeat(40)).unwrap();
    let error = refusal(&format!("sqlite://{}", no_database.display()), &Options::default()).await;
    assert!(error.to_string().contains("text.db"), "{error}");

    for url in
        ["mysql://host/db", "parlor.db", "sqlite://", "postgres://host:port/db", "postgres://h/d?sslmode=yes"]
    {
        let error = refusal(url, &Options::default()).await;
        assert!(matches!(error, OpenError::Address(_)), "{url}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_never_told() {
    let server = Server::shared();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let urls = [
        server.url("there_is_no_such_database"),
        format!("postgres://parlor:secret-of-tests@127.0.0.1:{closed}/db"),
        "postgres://parlor:secret-of-tests@127.0.0.1:99999/db".to_owned(),
        "postgres://parlor:secret-of-tests@127.0.0.1/db?secret-of-tests=1".to_owned(),
    ];
    for url in urls {
        let error = refusal(&url, &Options::default()).await;
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret-of-tests@"), "{text}");
        assert!(!error.to_string().contains('\n'), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_as_the_url_asks() {
    let server = Server::shared();
    let name = server.fresh_database().await;
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, &server.certificate).unwrap();
    let roots = format!("sslrootcert={}", roots.display());
    let by_address = server.url(&name);
    let by_name = by_address.replace("127.0.0.1", "localhost");

    let encrypted = async |url: &str, parameters: &str| {
        let database = Database::open(&format!("{url}?{parameters}"), &Options::default()).await?;
        database.health().await.unwrap();
        let client = server.connect(&name).await;
        let query = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE datname = current_database() AND application_name = 'parlor'";
        Ok::<bool, OpenError>(client.query_one(query, &[]).await.unwrap().get(0))
    };
    assert!(!encrypted(&by_address, "sslmode=disable").await.unwrap());
    assert!(encrypted(&by_address, "").await.unwrap());
    assert!(encrypted(&by_address, "sslmode=prefer").await.unwrap());
    assert!(encrypted(&by_address, "sslmode=require").await.unwrap());
    assert!(encrypted(&by_name, &format!("sslmode=verify-full&{roots}")).await.unwrap());
    assert!(encrypted(&by_address, &format!("sslmode=verify-ca&{roots}")).await.unwrap());
    assert!(encrypted(&by_address, &format!("sslmode=require&{roots}")).await.unwrap());

    let wrong_name = encrypted(&by_address, &format!("sslmode=verify-full&{roots}")).await;
    assert!(wrong_name.is_err(), "the certificate is for localhost");
    let unknown = encrypted(&by_name, "sslmode=verify-full").await;
    assert!(unknown.is_err(), "the system knows no such authority");
    let unknown = encrypted(&by_name, "sslmode=verify-ca").await;
    assert!(unknown.is_err(), "the system knows no such authority");
}
