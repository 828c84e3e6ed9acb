//! Fingerprints under encryption: what is sent again is recognised for ever, whatever becomes of the keys, and nobody who
//! has the database alone finds out by them what was written.

use crate::encryption::{behind_its_back, databases, files_with, nowhere, open, rotate};
use crate::postgres::Server;
use crate::subject::sealed;
use crate::write::{Scene, changed, duplicate, stored};
use futures_util::future::join_all;
use parlor_domain::message::{Edit, Fingerprint, Message};
use parlor_domain::ports::{NewMessage, Store};
use parlor_store::{Database, OpenError, Options};
use std::path::Path;
use std::sync::Arc;

/// Options for one of several processes that have the database, with these keys.
fn beside(keys: &[&str]) -> Options {
    let options = if keys.is_empty() { Options::default() } else { sealed(keys) };
    Options { exclusive: false, ..options }
}

/// The same scene on `database`.
fn on(scene: &Scene, database: &Database) -> Scene {
    scene.on(&(Arc::new(database.clone()) as _))
}

/// The message as a client sends it again: under an id that the server has made anew, and where it made its conversation
/// under another one of that too.
fn again(scene: &Scene, new: &NewMessage) -> NewMessage {
    let mut again = new.clone();
    again.message.id = scene.message("").message.id;
    if again.creates.is_some() {
        again.message.conversation = scene.opening("", "", "").message.conversation;
    }
    again
}

/// What somebody has sent, and what was stored then. The scene is on no database, so that each can be closed.
struct Sent {
    scene: Scene,
    sent: Vec<(NewMessage, Message)>,
}

impl Sent {
    async fn nothing(database: &Database) -> Self {
        let store: Arc<dyn Store> = Arc::new(database.clone());
        Self { scene: nowhere(&Scene::new(&store).await), sent: Vec::new() }
    }

    async fn send(&mut self, database: &Database, new: NewMessage) {
        let (message, _) = stored(on(&self.scene, database).write_one(new.clone()).await);
        self.sent.push((new, message));
    }

    /// Sends one message into the conversation and one that makes another.
    async fn two(&mut self, database: &Database, client_id: &str) {
        let text = format!("text {client_id}");
        self.send(database, self.scene.sent(client_id, &text)).await;
        self.send(database, self.scene.opening(&format!("o{client_id}"), &text, "A title")).await;
    }

    /// Asserts that each is recognised when it is sent again.
    async fn assert_recognised(&self, database: &Database) {
        let scene = on(&self.scene, database);
        let before = database.totals().await.unwrap();
        for (new, first) in &self.sent {
            assert_eq!(&duplicate(scene.write_one(again(&scene, new)).await), first);
            if new.creates.is_some() {
                let created = database.message_that_created(new.fingerprint.unwrap()).await.unwrap();
                assert_eq!(created.as_ref(), Some(first));
            }
        }
        assert_eq!(database.totals().await.unwrap(), before);
    }
}

/// Protects conversations from messages that stand there twice: what was sent before there was a key, or under any key, is
/// recognised when it is sent again, through every change of keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_resend_is_recognised_through_all_keys() {
    let (_folder, urls) = databases().await;
    for url in &urls {
        let plain = open(url, &[]).await.unwrap();
        let mut sent = Sent::nothing(&plain).await;
        sent.two(&plain, "1").await;
        plain.close().await;
        drop(plain);
        for (number, keys) in [&["a"][..], &["b", "a"], &["b"], &["c", "b"]].into_iter().enumerate() {
            let database = open(url, keys).await.unwrap();
            sent.assert_recognised(&database).await;
            sent.two(&database, &format!("1{number}")).await;
            sent.assert_recognised(&database).await;
            assert_eq!(rotate(&database).await.left, 0);
            sent.assert_recognised(&database).await;
            // In another conversation it is another message.
            let elsewhere = on(&sent.scene, &database).another("Another").await;
            let mut other = again(&elsewhere, &sent.sent[0].0);
            other.message.conversation = elsewhere.conversation;
            stored(elsewhere.write_one(other).await);
            database.close().await;
        }
    }
}

/// Whether the end of this fingerprint, which is made of the text, stands in the database at `url`.
async fn tells(url: &str, folder: &Path, fingerprint: Fingerprint) -> bool {
    if url.starts_with("sqlite://") {
        return !files_with(folder, &fingerprint.0[8..]).is_empty();
    }
    let client = Server::shared().connect(url.rsplit('/').next().unwrap()).await;
    let hex = uuid::Uuid::from_bytes(fingerprint.0).simple().to_string();
    let query = "SELECT count(*) FROM messages WHERE right(replace(fingerprint::text, '-', ''), 16) = $1";
    client.query_one(query, &[&&hex[16..]]).await.unwrap().get::<_, i64>(0) > 0
}

/// Protects short texts from whoever has the database and tries all there are: with a key no fingerprint stands there that
/// could be made of a text alone, neither before nor after a change of keys.
#[tokio::test(flavor = "multi_thread")]
async fn no_fingerprint_tells_a_text() {
    let (folder, urls) = databases().await;
    for url in &urls {
        let database = open(url, &["a"]).await.unwrap();
        let mut sent = Sent::nothing(&database).await;
        sent.two(&database, "1").await;
        let prints: Vec<_> = sent.sent.iter().map(|(new, _)| new.fingerprint.unwrap()).collect();
        database.close().await;
        drop(database);
        let database = open(url, &["b", "a"]).await.unwrap();
        for print in &prints {
            assert!(!tells(url, folder.path(), *print).await);
        }
        rotate(&database).await;
        for print in &prints {
            assert!(!tells(url, folder.path(), *print).await);
            if url.starts_with("sqlite://") {
                // What says nothing of the text stands there, and so the end would have been found.
                assert!(!files_with(folder.path(), &print.0[..8]).is_empty());
            }
        }
    }
}

/// Protects what was written before there was a key: a rotation keys its fingerprints, also those whose text was edited
/// under the key already, was deleted, or is empty.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_keys_every_plain_fingerprint() {
    let (folder, urls) = databases().await;
    for url in &urls {
        let plain = open(url, &[]).await.unwrap();
        let mut sent = Sent::nothing(&plain).await;
        for (id, text) in [("1", "kept"), ("2", "edited"), ("3", "deleted"), ("4", "")] {
            sent.send(&plain, sent.scene.sent(id, text)).await;
        }
        let prints: Vec<_> = sent.sent.iter().map(|(new, _)| new.fingerprint.unwrap()).collect();
        let change = |place: usize, edit| sent.scene.change(sent.sent[place].1.id, edit, 2);
        let (edit, delete) = (change(1, Edit::Content("anew".to_owned())), change(2, Edit::Delete));
        sent.sent[2].1 = changed(on(&sent.scene, &plain).write_one(delete).await);
        plain.close().await;
        drop(plain);
        let database = open(url, &["a"]).await.unwrap();
        sent.sent[1].1 = changed(on(&sent.scene, &database).write_one(edit).await);
        for print in &prints {
            assert!(tells(url, folder.path(), *print).await, "it is found where it is");
        }
        let rotated = rotate(&database).await;
        assert_eq!((rotated.messages, rotated.left), (4, 0));
        for print in &prints {
            assert!(!tells(url, folder.path(), *print).await);
        }
        sent.assert_recognised(&database).await;
        assert_eq!(rotate(&database).await.messages, 0, "there is nothing left to do");
    }
}

/// Protects a database that several nodes open for the first time at once: they have one secret, so that each recognises
/// what another has stored.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_open_at_once_have_one_secret() {
    let (_folder, urls) = databases().await;
    for url in &urls {
        // Half of them with another key in front.
        Database::migrate(url).await.unwrap();
        let options = [["a", "b"], ["b", "a"], ["a", "b"], ["b", "a"]].map(|keys| beside(&keys));
        let nodes = join_all(options.iter().map(|options| Database::open(url, options))).await;
        let nodes: Vec<Database> = nodes.into_iter().map(Result::unwrap).collect();
        let mut sent = Sent::nothing(&nodes[0]).await;
        for (number, node) in nodes.iter().enumerate() {
            sent.two(node, &number.to_string()).await;
        }
        for node in &nodes {
            sent.assert_recognised(node).await;
        }
    }
}

/// Protects a running server whose keys are changed: what is sent again meanwhile, from two nodes, is stored once.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stored_twice_during_a_rotation() {
    let (_folder, urls) = databases().await;
    for url in &urls {
        let plain = open(url, &[]).await.unwrap();
        let mut sent = Sent::nothing(&plain).await;
        for number in 0..50 {
            sent.two(&plain, &number.to_string()).await;
        }
        plain.close().await;
        drop(plain);
        let sent = Arc::new(sent);
        for keys in [&["a"][..], &["b", "a"]] {
            let rotating = Database::open(url, &beside(keys)).await.unwrap();
            let rotation = tokio::spawn(async move { rotate(&rotating).await });
            let resend = async || {
                let node = Database::open(url, &beside(keys)).await.unwrap();
                while !rotation.is_finished() {
                    sent.assert_recognised(&node).await;
                }
                sent.assert_recognised(&node).await;
            };
            tokio::join!(resend(), resend());
            assert_eq!(rotation.await.unwrap().left, 0);
        }
    }
}

/// Protects a rotation from what a server without keys does beside one with them: it takes a resend for new, and the first
/// one is still the one that is recognised, and nothing is in the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_stored_twice_is_in_no_rotations_way() {
    let (_folder, urls) = databases().await;
    for url in &urls {
        let without = Database::open(url, &beside(&[])).await.unwrap();
        let database = Database::open(url, &beside(&["a"])).await.unwrap();
        let mut sent = Sent::nothing(&without).await;
        sent.two(&database, "1").await;
        let scene = on(&sent.scene, &without);
        stored(scene.write_one(again(&scene, &sent.sent[0].0)).await);
        let rotated = rotate(&database).await;
        assert_eq!((rotated.messages, rotated.left), (1, 0));
        sent.assert_recognised(&database).await;
    }
}

/// Protects what was sent from being taken for new: a database whose secret is lost or was changed is not opened, and gets
/// no other one.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_its_secret_is_not_opened() {
    let (_folder, urls) = databases().await;
    for url in &urls {
        let database = open(url, &["a"]).await.unwrap();
        let mut sent = Sent::nothing(&database).await;
        sent.two(&database, "1").await;
        database.close().await;
        drop(database);
        let refusal = async |keys| open(url, keys).await.err().unwrap();

        behind_its_back(url, "UPDATE encryption_secrets SET sealed = 'A' || sealed").await;
        let error = refusal(&["a"]).await;
        assert!(matches!(&error, OpenError::SecretUnreadable(id) if id == "a"), "{error}");
        behind_its_back(url, "UPDATE encryption_secrets SET sealed = substr(sealed, 2)").await;
        sent.assert_recognised(&open(url, &["a"]).await.unwrap()).await;

        behind_its_back(
            url,
            "CREATE TABLE kept AS SELECT * FROM encryption_secrets; DELETE FROM encryption_secrets",
        )
        .await;
        for keys in [&["a"][..], &["b", "a"], &["b", "a"]] {
            let error = refusal(keys).await;
            assert!(matches!(error, OpenError::SecretMissing), "{error}");
        }
        behind_its_back(url, "INSERT INTO encryption_secrets SELECT * FROM kept").await;
        sent.assert_recognised(&open(url, &["b", "a"]).await.unwrap()).await;
    }
}

/// Protects the secret from being locked away: the key that it is under is not forgotten before it is under another.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_the_secret_cannot_be_forgotten() {
    let (_folder, [_, url]) = databases().await;
    let database = open(&url, &["a"]).await.unwrap();
    let client = Server::shared().connect(url.rsplit('/').next().unwrap()).await;
    assert!(client.batch_execute("DELETE FROM encryption_keys").await.is_err());
    let sealed = async || client.query("SELECT sealed, key_id FROM encryption_secrets", &[]).await.unwrap();
    let before: String = sealed().await[0].get(0);
    rotate(&database).await;
    assert_eq!(sealed().await[0].get::<_, String>(0), before, "it is under the current key");
    rotate(&open(&url, &["b", "a"]).await.unwrap()).await;
    let after = sealed().await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].get::<_, String>(1), "b");
    assert_ne!(after[0].get::<_, String>(0), before);
}
