//! The commands that bring people, and what is written down of them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use parlor_domain::ports::Clock;
use parlor_domain::ports::{
    AuditEntry, AuditFilter, AuditStore, CredentialStore, Store, SystemClock, User, UserChange,
};
use parlor_store::{Database, Options};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Of the password `correct horse`, at a low cost.
const BCRYPT: &str = "$2b$04$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
const ARGON2: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";

/// Two keys of 32 bytes.
const OLD_KEY: &str = "old:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const NEW_KEY: &str = "new:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

/// A folder to run in, and what is in its database.
struct Operator {
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Operator {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), runtime }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
        command.args(arguments).env_clear().current_dir(self.folder.path());
        command
    }

    fn with_keys(&self, arguments: &[&str], keys: &str) -> Output {
        self.command(arguments).env("ENCRYPTION_KEY", keys).output().unwrap()
    }

    /// What a command that succeeds prints. No keys are an empty text.
    fn prints(&self, arguments: &[&str], keys: &str) -> String {
        let output = self.with_keys(arguments, keys);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        text(&output.stdout)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Does something with the database, as it is without keys.
    fn with_store<T>(&self, work: impl AsyncFnOnce(&Database) -> T) -> T {
        std::fs::create_dir_all(self.path("parlor-data")).unwrap();
        let url = format!("sqlite://{}", self.path("parlor-data/parlor.db").display());
        self.runtime.block_on(async {
            let store =
                Database::open(&url, &Options { exclusive: false, ..Options::default() }).await.unwrap();
            let done = work(&store).await;
            store.close().await;
            done
        })
    }

    /// The audit log, newest first: what, of whom, what became of it.
    fn audit(&self) -> Vec<(String, Option<String>, String)> {
        let line = |it: AuditEntry| {
            assert_eq!(
                (it.actor, it.address),
                (None, None),
                "an operator is no user, and comes from nowhere"
            );
            (it.action, it.account, it.outcome)
        };
        self.with_store(async |store| {
            let entries = store.audit_list(AuditFilter::default(), None, 100).await.unwrap();
            entries.into_iter().map(line).collect()
        })
    }

    fn user(&self, email: &str) -> Option<(User, Option<String>)> {
        let found = self.with_store(async |store| store.credential_find(email).await.unwrap());
        found.map(|it| (it.user, it.password_hash))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn line(action: &str, account: &str) -> (String, Option<String>, String) {
    (action.to_owned(), Some(account.to_owned()), "done".to_owned())
}

fn with_input(mut command: Command, input: &str) -> Output {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Protects who reads the log afterwards: a token that somebody made by hand is in it.
#[test]
fn a_token_is_written_down() {
    let operator = Operator::new();
    operator.prints(&["token", "Ada@example.org"], "");
    assert_eq!(operator.audit(), [line("token_issue", "ada@example.org")]);
}

/// Protects people who have accounts elsewhere: they have them here, with their passwords, and nobody loses the one that
/// they have.
#[test]
fn users_are_imported_once() {
    let operator = Operator::new();
    operator.prints(&["token", "bob@example.org"], "");
    let users = format!(
        "{{\"email\":\"Ada@example.org\",\"password_hash\":\"{BCRYPT}\",\"username\":\"Ada\"}}\n\n\
         {{\"email\":\"bob@example.org\",\"password_hash\":\"{ARGON2}\"}}\n"
    );
    std::fs::write(operator.path("users.jsonl"), &users).unwrap();
    let printed = operator.prints(&["import-users", "users.jsonl"], "");
    assert_eq!(printed, "imported 2 accounts; 0 had a password already and were left as they are\n");
    let (ada, hash) = operator.user("ada@example.org").unwrap();
    assert_eq!((ada.username(), hash.as_deref()), ("Ada", Some(BCRYPT)));
    assert_eq!(operator.user("bob@example.org").unwrap().1.as_deref(), Some(ARGON2), "who had no password");

    let again = users.replace(BCRYPT, ARGON2) + &users.lines().next().unwrap().replace("Ada", "Eve");
    let output = with_input(operator.command(&["import-users", "-"]), &again);
    let printed = "imported 1 accounts; 2 had a password already and were left as they are\n";
    assert_eq!(text(&output.stdout), printed, "{output:?}");
    assert_eq!(operator.user("ada@example.org").unwrap().1.as_deref(), Some(BCRYPT));
    let imported =
        ["eve@example.org", "bob@example.org", "ada@example.org"].map(|it| line("user_import", it));
    assert_eq!(operator.audit()[..3], imported);
    assert_eq!(operator.audit().len(), 4);
}

/// Protects from half an import, and from hashes in a terminal.
#[test]
fn a_file_with_a_mistake_changes_nothing() {
    let operator = Operator::new();
    let good = format!("{{\"email\":\"ada@example.org\",\"password_hash\":\"{BCRYPT}\"}}\n");
    let users = good.clone() + &good.replace("ada", "bob").replace("$2b$", "$9$");
    std::fs::write(operator.path("users.jsonl"), users).unwrap();
    let output = operator.command(&["import-users", "users.jsonl"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output.stderr);
    assert!(told.starts_with("parlor: users.jsonl, line 2: password_hash is neither"), "{told}");
    assert!(!told.contains("R9h") && output.stdout.is_empty(), "{output:?}");
    assert!(!operator.path("parlor-data").exists());
    let output = operator.command(&["import-users", "nothing.jsonl"]).output().unwrap();
    assert!(text(&output.stderr).starts_with("parlor: cannot read nothing.jsonl: "), "{output:?}");
}

/// Protects what was there before there was a key, or before the key was changed: all of it is under the newest.
#[test]
fn keys_are_rotated() {
    let operator = Operator::new();
    let output = operator.command(&["rotate-keys"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).starts_with("parlor: encryption_key is not set"), "{output:?}");
    assert!(!operator.path("parlor-data").exists());

    operator.with_store(async |store| {
        let ada = store.user_ensure("ada@example.org", None, SystemClock.now()).await.unwrap();
        let change = UserChange { profile: Some(r#"{"likes":"tea"}"#.into()), ..UserChange::default() };
        store.user_update(ada.id, change).await.unwrap();
    });
    let expect = "encrypted 0 messages, 0 attachments, 0 titles, 0 replies in the making, 1 profiles, 0 texts of jobs, \
         0 instructions of assistants, 0 texts of documents and 0 names of files; 0 left\n";
    for keys in [OLD_KEY, &format!("{NEW_KEY},{OLD_KEY}")] {
        assert_eq!(operator.prints(&["rotate-keys"], keys), expect);
    }
    let output = operator.with_keys(&["token", "ada@example.org"], OLD_KEY);
    assert_eq!(output.status.code(), Some(1), "the old key is of no use any more: {output:?}");
    operator.prints(&["token", "ada@example.org"], NEW_KEY);
}
