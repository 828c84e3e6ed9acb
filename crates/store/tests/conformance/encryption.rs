//! Encryption at rest: nothing that people write stands in the database as they wrote it, and it comes back to them alone.

use crate::postgres::Server;
use crate::subject::{Subject, sealed};
use crate::write::{Scene, Writing, at, changed, ending, say, stored};
use futures_util::FutureExt as _;
use parlor_domain::message::{Attached, Citation, Confidence, Edit, Message, Metadata};
use parlor_domain::ports::{
    Assistant, AssistantStore, Checkpoint, ConversationStore, EmbeddingsWork, JobOutcome, JobResult,
    JobStore, JobWork, JobWrite, JobWritten, NewJob, NewRoom, NewTurn, Page, Role, Store, StoreError,
    TurnEnd, UserChange,
};
use parlor_domain::room::{Room, RoomKind};
use parlor_domain::testing::MemoryStore;
use parlor_domain::{ConversationId, DocumentId, JobId, UserId};
use parlor_store::{Database, Keyring, OpenError, Options, Rotated};
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What is in every text of these tests, and nowhere else.
const NEEDLE: &str = "xylophonequartz";

/// Everything that somebody can write.
struct Written {
    ann: UserId,
    /// On no database.
    scene: Scene,
    /// Conversations, and their titles.
    titles: Vec<(ConversationId, String)>,
    log: Vec<Message>,
    turn: NewTurn,
    /// Jobs of which one is done.
    jobs: [NewJob; 2],
}

/// The scene without its database, which can be closed then.
pub fn nowhere(scene: &Scene) -> Scene {
    scene.on(&(Arc::new(MemoryStore::new()) as _))
}

fn text(what: &str) -> String {
    format!("{NEEDLE} {what}")
}

fn object(what: &str) -> Arc<str> {
    format!("{{\"{what}\":\"{NEEDLE}\"}}").into()
}

impl Written {
    async fn to(database: &Database) -> Self {
        let store: Arc<dyn Store> = Arc::new(database.clone());
        let ann = store.user_ensure("ann@example.org", Some(Role::User), at(0)).await.unwrap().id;
        let change = UserChange { profile: Some(object("profile")), ..UserChange::default() };
        store.user_update(ann, change).await.unwrap().unwrap();
        let scene = Scene::new(&store).await;
        let scene = Scene { user: ann, ..scene }.another(&text("title")).await;
        let opening = scene.opening("o", &text("opening"), &text("title of an opening"));
        let room = Room { id: "room".parse().unwrap(), kind: RoomKind::Shared, ai_mode: None };
        let (conversation, title) = (ConversationId::new(), text("title of a room"));
        let new =
            NewRoom { conversation, room, title: title.clone(), owner: ann, assistant: None, at: at(0) };
        assert!(store.room_create(new).await.unwrap());
        let titles = vec![
            (scene.conversation, text("title")),
            (opening.message.conversation, text("title of an opening")),
            (conversation, title),
        ];
        scene.store(opening).await;

        let mut asked = scene.sent("1", &text("first"));
        let attached = Attached {
            context: Some(object("context")),
            profile: Some(object("own")),
            ..Attached::default()
        };
        asked.message.attached = Some(Box::new(attached));
        let asked = scene.store(asked).await;
        let second = scene.store(scene.message(&text("before"))).await;
        changed(scene.write_one(scene.change(second.id, Edit::Content(text("after")), 2)).await);
        let answered = scene.live_turn().await;
        let mut end = ending(&answered, &text("answer"));
        let raw_events = vec![object("raw")];
        end.message.attached = Some(Box::new(Attached { raw_events, ..Attached::default() }));
        end.message.metadata = Metadata { citations: vec![citation()], ..Metadata::default() }.boxed();
        scene.write_one(end).await;
        let turn = scene.turn(asked.id);
        scene.write_one(turn.clone()).await;
        scene.write_one(checkpoint(&turn, &text("checkpoint"))).await;
        let assistant = crate::assistants::assistant(None, "chef");
        let assistant = Assistant { prompt: text("prompt"), ..assistant };
        store.assistant_create(assistant, 1).await.unwrap();
        let log = store.log_export(scene.conversation, 0, 99).await.unwrap();
        let jobs = ["done", "waiting"].map(|name| NewJob {
            id: JobId::new(),
            user: ann,
            work: JobWork::Embeddings(EmbeddingsWork { text: text(name), model: None }),
            client_id: Some(name.to_owned()),
            at: at(0),
        });
        for job in jobs.clone() {
            let kept = store.job_write(at(0), vec![JobWrite::Enqueue { job, limit: 9 }]).await.unwrap();
            assert!(matches!(kept[..], [JobWritten::Enqueued { duplicate: false, .. }]));
        }
        let claim = JobWrite::Claim { node: Uuid::nil(), count: 1, lease: Duration::from_secs(60) };
        let claimed = store.job_write(at(0), vec![claim]).await.unwrap();
        let [JobWritten::Claimed { jobs: claimed, .. }] = &claimed[..] else { panic!("not claimed") };
        let (lease, outcome) = (claimed[0].lease, JobOutcome::Completed(vector()));
        store.job_write(at(0), vec![JobWrite::Settle { lease, outcome }]).await.unwrap();
        Self { ann, scene: nowhere(&scene), titles, log, turn, jobs }
    }

    /// Asserts that `database` has everything as it was written.
    async fn assert_in(&self, database: &Database) {
        let (store, place) = (database, self.scene.conversation);
        let log = store.log_export(place, 0, 99).await.unwrap();
        assert_eq!(log, self.log);
        assert_eq!((&*log[1].content, log[0].attached.is_some()), (&*text("after"), true));
        for (conversation, title) in &self.titles {
            assert_eq!(store.conversation_get(*conversation).await.unwrap().unwrap().summary.title, *title);
        }
        let user = store.user_get(self.ann).await.unwrap().unwrap();
        assert_eq!(user.profile, Some(object("profile")));
        let done = store.job_get(self.ann, self.jobs[0].id).await.unwrap().unwrap();
        assert_eq!(done.result, Some(vector()));
        // The same work again is recognised as the same: it is read for that.
        for job in self.jobs.clone() {
            let again = store.job_write(at(0), vec![JobWrite::Enqueue { job, limit: 9 }]).await.unwrap();
            assert!(matches!(again[..], [JobWritten::Enqueued { .. }]), "{again:?}");
        }
        assert_eq!(store.assistant_list(None).await.unwrap()[0].prompt, text("prompt"));
    }

    /// Ends the turn with its last checkpoint, which is the last text that can be read.
    async fn assert_checkpoint_in(&self, database: &Database) {
        let scene = self.scene.on(&(Arc::new(database.clone()) as _));
        let end = TurnEnd { from_checkpoint: true, ..ending(&self.turn, "") };
        let (message, _) = stored(scene.write_one(end).await);
        assert_eq!(message.content, text("checkpoint"));
    }
}

fn citation() -> Citation {
    Citation {
        number: 1,
        document: DocumentId::new(),
        title: text("document"),
        chunk: 0,
        excerpt: text("excerpt"),
        score: Confidence::MAX,
    }
}

fn vector() -> JobResult {
    JobResult::Embeddings { vector: vec![0.5], model: text("model"), tokens: 1 }
}

fn checkpoint(turn: &NewTurn, content: &str) -> Checkpoint {
    Checkpoint { turn: turn.id, content: Some(content.to_owned()), lease_until: at(20) }
}

/// The files of an SQLite database in which `needle` stands.
pub fn files_with(folder: &Path, needle: impl AsRef<[u8]>) -> Vec<String> {
    let needle = needle.as_ref();
    let holds = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| holds(path)).map(|path| path.display().to_string()).collect()
}

pub async fn open(url: &str, keys: &[&str]) -> Result<Database, OpenError> {
    let options = if keys.is_empty() { Options::default() } else { sealed(keys) };
    Database::open(url, &options).await
}

/// Two empty databases, closed, and what holds them.
pub async fn databases() -> (tempfile::TempDir, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}", folder.path().join("parlor.db").display());
    let server = Server::shared();
    let url = server.url(&server.fresh_database().await);
    (folder, [file, url])
}

pub async fn rotate(database: &Database) -> Rotated {
    database.rotate_keys(|_| ()).await.unwrap()
}

/// The error with what is behind it.
fn whole(error: &StoreError) -> String {
    format!("{error}: {}", error.source().unwrap())
}

/// Protects what people wrote from whoever gets the disk or a copy of it: with a key, nothing of it is ever in any file
/// of the database, and all of it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn no_file_holds_what_was_written_with_a_key() {
    let (folder, [file, _]) = databases().await;
    let database = open(&file, &["a"]).await.unwrap();
    let written = Written::to(&database).await;
    assert_eq!(files_with(folder.path(), NEEDLE), Vec::<String>::new());
    assert!(!files_with(folder.path(), "ann@example.org").is_empty(), "what is not encrypted is found");
    database.close().await;
    drop(database);
    assert_eq!(files_with(folder.path(), NEEDLE), Vec::<String>::new());
    let database = open(&file, &["a"]).await.unwrap();
    written.assert_in(&database).await;
    written.assert_checkpoint_in(&database).await;
    assert_eq!(files_with(folder.path(), NEEDLE), Vec::<String>::new());
}

/// Protects operators who begin to encrypt: after a rotation nothing that was plain is left in the files, not what was
/// overwritten or deleted long ago, nor its words in the index of the search.
#[tokio::test(flavor = "multi_thread")]
async fn no_file_holds_what_was_plain_before_a_rotation() {
    let (folder, [file, _]) = databases().await;
    let plain = open(&file, &[]).await.unwrap();
    let written = Written::to(&plain).await;
    let page = Page { offset: 0, limit: 9 };
    let search = async |database: &Database| {
        database.conversation_search(written.ann, vec![NEEDLE.to_owned()], page).await.unwrap()
    };
    assert!(search(&plain).await.unwrap().total > 0);
    plain.close().await;
    drop(plain);
    assert!(!files_with(folder.path(), NEEDLE).is_empty(), "it is found where it is");

    let database = open(&file, &["a"]).await.unwrap();
    assert_eq!(search(&database).await, None);
    let rotated = rotate(&database).await;
    // Four that hold the needle and a question without, three titles and one without.
    let expected = Rotated {
        messages: 5,
        attachments: 3,
        titles: 4,
        checkpoints: 1,
        profiles: 1,
        prompts: 1,
        jobs: 3,
        documents: 0,
        file_names: 0,
        left: 0,
    };
    assert_eq!(rotated, expected);
    assert_eq!(files_with(folder.path(), NEEDLE), Vec::<String>::new());
    written.assert_in(&database).await;
    written.assert_checkpoint_in(&database).await;
    assert_eq!(rotate(&database).await, Rotated::default(), "there is nothing left to do");
}

/// Protects operators from a server that starts with the wrong keys: it does not, and says which key it wants.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_opened_with_its_keys_alone() {
    let (_folder, urls) = databases().await;
    for url in &urls {
        open(url, &["a"]).await.unwrap().close().await;
        for keys in [&[][..], &["b"], &["b", "c"]] {
            let error = open(url, keys).await.err().unwrap();
            assert!(matches!(&error, OpenError::KeyMissing(id) if id == "a"), "{error}");
        }
        let other = Keyring::parse(&format!("a:{}A=", "z".repeat(42))).unwrap();
        let other = Options { keyring: Some(other), ..Options::default() };
        let error = Database::open(url, &other).await.err().unwrap();
        assert!(matches!(&error, OpenError::KeyDiffers(id) if id == "a"), "{error}");
        open(url, &["b", "a"]).await.unwrap().close().await;
        // Now both may be in use.
        let error = open(url, &["a"]).await.err().unwrap();
        assert!(matches!(&error, OpenError::KeyMissing(id) if id == "b"), "{error}");
        let database = open(url, &["b", "a"]).await.unwrap();
        rotate(&database).await;
        database.close().await;
        drop(database);
        open(url, &["b"]).await.unwrap().close().await;
    }
}

/// Protects a running server: what it reads after another node has gone on to a key that it does not have is an error
/// that names the key, for that text alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_under_an_unknown_key_is_an_error() {
    let (_folder, [_, url]) = databases().await;
    let old = open(&url, &["a"]).await.unwrap();
    let written = Written::to(&old).await;
    let new = open(&url, &["b", "a"]).await.unwrap();
    rotate(&new).await;
    let error = old.log_after(written.scene.conversation, 0, 9, 9).await.unwrap_err();
    assert!(whole(&error).contains("messages is encrypted with the key \"b\""), "{}", whole(&error));
    assert!(!format!("{error:?}").contains(NEEDLE));
    assert!(old.user_get(written.ann).await.is_err());
    assert!(old.conversation_get(written.scene.conversation).await.is_err());
    old.health().await.unwrap();
    // What it writes itself is under its own key, until the next rotation.
    let elsewhere = Scene::new(&(Arc::new(old.clone()) as _)).await;
    let message = elsewhere.store(elsewhere.message("on")).await;
    assert_eq!(new.log_after(elsewhere.conversation, 0, 9, 9).await.unwrap(), [message]);
    let again = rotate(&new).await;
    assert_eq!((again.messages, again.titles, again.left), (1, 1, 0));
}

/// Runs `statement` on a database behind the back of its server.
pub async fn behind_its_back(url: &str, statement: &str) {
    if let Some(path) = url.strip_prefix("sqlite://") {
        rusqlite::Connection::open(path).unwrap().execute_batch(statement).unwrap();
    } else {
        let client = Server::shared().connect(url.rsplit('/').next().unwrap()).await;
        client.batch_execute(statement).await.unwrap();
    }
}

/// Protects readers from who can write into the database: texts that change places, within a row or between rows, are
/// errors and nobody's words in another's mouth. A rotation leaves them where they are, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_moved_is_an_error() {
    let moves = [
        "UPDATE messages SET content = (SELECT content FROM messages WHERE seq = 2 AND content <> '' LIMIT 1) WHERE seq = 1",
        "UPDATE messages SET content = attached WHERE seq = 1 AND attached IS NOT NULL",
        "UPDATE messages SET content = 'A' || substr(content, 2) || 'A' WHERE seq = 1",
        "UPDATE messages SET content = '' WHERE seq = 1",
    ];
    for statement in moves {
        let (_folder, urls) = databases().await;
        for url in &urls {
            let database = open(url, &["b", "a"]).await.unwrap();
            let written = Written::to(&database).await;
            behind_its_back(url, statement).await;
            let place = written.scene.conversation;
            let error = database.log_after(place, 0, 9, 9).await.unwrap_err();
            assert!(whole(&error).contains("it was changed, or moved"), "{}", whole(&error));
            let change = written.scene.change(written.log[0].id, Edit::Content("x".to_owned()), 9);
            assert!(database.write(vec![Writing::from(change).0]).await.is_err());
            let rest = database.log_after(place, 1, 9, 9).await.unwrap();
            assert_eq!(rest.len(), written.log.len() - 1);
        }
    }
}

/// Protects the rest of a database where one text cannot be read: it is encrypted anew, the text stays as it is, and the
/// old key is still asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_leaves_what_it_cannot_read() {
    let (_folder, urls) = databases().await;
    for url in &urls {
        let old = open(url, &["a"]).await.unwrap();
        let written = Written::to(&old).await;
        old.close().await;
        drop(old);
        behind_its_back(url, "UPDATE messages SET content = 'A' || content WHERE seq = 2").await;
        let new = open(url, &["b", "a"]).await.unwrap();
        let rotated = rotate(&new).await;
        assert_eq!((rotated.left, rotated.messages > 0), (1, true));
        assert_eq!(
            new.log_after(written.scene.conversation, 0, 1, 9).await.unwrap()[0].content,
            text("first")
        );
        new.close().await;
        drop(new);
        assert!(matches!(open(url, &["b"]).await, Err(OpenError::KeyMissing(_))));
        behind_its_back(url, "UPDATE messages SET content = substr(content, 2) WHERE seq = 2").await;
        let new = open(url, &["b", "a"]).await.unwrap();
        assert_eq!(rotate(&new).await, Rotated { messages: 1, ..Rotated::default() });
        written.assert_in(&new).await;
    }
}

/// Protects everything that is written while keys change: of what many append, edit and checkpoint nothing is lost, all
/// of it is under the new key in the end, and the old one is not needed any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_loses_nothing() {
    let (_folder, urls) = databases().await;
    for url in &urls {
        let old = open(url, &["a"]).await.unwrap();
        let written = Written::to(&old).await;
        let scene = long_log(&old, 500).await;
        old.close().await;
        drop(old);

        let database = open(url, &["b", "a"]).await.unwrap();
        let scene = scene.on(&(Arc::new(database.clone()) as _));
        let writer = tokio::spawn(write_on(scene.clone()));
        // Another process changes the keys.
        let options = Options { exclusive: false, ..sealed(&["b", "a"]) };
        let command = Database::open(url, &options).await.unwrap();
        rotate(&command).await;
        let expected = writer.await.unwrap();
        let rotated = rotate(&command).await;
        assert_eq!(rotated, Rotated::default());
        assert_eq!(scene.log().await, expected);
        drop(command);
        database.close().await;
        drop((database, scene));

        let database = open(url, &["b"]).await.unwrap();
        written.assert_in(&database).await;
        let log = database.log_after(expected[0].conversation, 0, u64::MAX, usize::MAX).await.unwrap();
        assert_eq!(log, expected);
    }
}

/// A conversation with as many messages, on no database.
async fn long_log(database: &Database, messages: usize) -> Scene {
    let scene = Scene::new(&(Arc::new(database.clone()) as _)).await;
    scene.write((0..messages).map(|number| say(scene.message(&number.to_string())))).await;
    nowhere(&scene)
}

/// Appends and edits, for as long as a rotation takes about. Gives the log as it must be then.
async fn write_on(scene: Scene) -> Vec<Message> {
    let mut log = scene.log().await;
    let turn = scene.turn(log[0].id);
    scene.write_one(turn.clone()).await;
    for round in 0..150_usize {
        log.push(scene.store(scene.message(&format!("new {round}"))).await);
        for place in [round, 499 - round, log.len() - 1] {
            let edit = Edit::Content(format!("edited in round {round} at {place}"));
            log[place] = changed(scene.write_one(scene.change(log[place].id, edit, 3)).await);
        }
        scene.write_one(checkpoint(&turn, &format!("checkpoint {round}"))).await;
    }
    let end = TurnEnd { from_checkpoint: true, ..ending(&turn, "") };
    let end = stored(scene.write_one(end).await).0;
    assert_eq!(end.content, "checkpoint 149");
    log.push(end);
    // What comes back is the log as it is read.
    log.sort_by_key(|message| message.seq);
    log
}

/// Protects a rotation that dies: what it has done stays done, and the next one does the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_broken_off_is_gone_on_with() {
    let (_folder, urls) = databases().await;
    for url in &urls {
        let plain = open(url, &[]).await.unwrap();
        let written = Written::to(&plain).await;
        let conversation = long_log(&plain, 300).await.conversation;
        let before = plain.log_after(conversation, 0, 999, 999).await.unwrap();
        plain.close().await;
        drop(plain);

        let database = open(url, &["a"]).await.unwrap();
        // It ends where it first tells of what it did, not somewhere later that a busy machine chooses.
        let (mut so_far, first) = (None, "it dies here");
        let rotation = database.rotate_keys(|rotated| {
            so_far = Some(*rotated);
            panic!("{first}");
        });
        let broken = AssertUnwindSafe(rotation).catch_unwind().await.unwrap_err();
        assert_eq!(broken.downcast_ref::<String>().map(String::as_str), Some(first));
        let so_far = so_far.unwrap();
        assert_eq!((so_far.messages, so_far.titles > 0), (0, true));
        // Half of it is plain now, and half is not: all of it is read.
        written.assert_in(&database).await;
        let rest = rotate(&database).await;
        assert_eq!((rest.messages, rest.left), (305, 0));
        written.assert_in(&database).await;
        assert_eq!(database.log_after(conversation, 0, 999, 999).await.unwrap(), before);
    }
}

/// Protects who calls it without a key: it says what is missing, and does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_there_is_nothing_to_rotate_to() {
    let subject = Subject::sqlite().await;
    let error = subject.database().unwrap().rotate_keys(|_| ()).await.unwrap_err();
    assert!(whole(&error).contains("no encryption keys are given"), "{}", whole(&error));
}
