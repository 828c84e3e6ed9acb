//! Steps between schemas: what was there before, and what the planner makes of the indexes.

use crate::postgres::Server;
use crate::subject::Subject;
use crate::write::{Scene, changed, people_of, say};
use parlor_domain::message::{Edit, NanoDollars, Reply, TurnStatus, Usage};
use parlor_domain::ports::{Account, Balance, MembershipStep, Store};
use parlor_domain::room::RoomKind;
use parlor_domain::{ConversationId, UserId};
use parlor_store::{Database, Options};
use std::time::Duration;

/// A step between two schemas.
struct Step {
    version: &'static str,
    up: &'static str,
    down: &'static str,
}

macro_rules! step {
    ($database:literal, $version:literal, $name:literal) => {
        Step {
            version: $version,
            up: include_str!(concat!("../../../../migrations/", $database, "/", $name, "/up.sql")),
            down: include_str!(concat!("../../../../migrations/", $database, "/", $name, "/down.sql")),
        }
    };
}

const SQLITE: [Step; 12] = [
    step!("sqlite", "20261121000000", "2026-11-21-000000_init"),
    step!("sqlite", "20261121120000", "2026-11-21-120000_rooms"),
    step!("sqlite", "20261121180000", "2026-11-21-180000_routing"),
    step!("sqlite", "20261121200000", "2026-11-21-200000_people"),
    step!("sqlite", "20261121210000", "2026-11-21-210000_archive"),
    step!("sqlite", "20261121220000", "2026-11-21-220000_encryption"),
    step!("sqlite", "20261129080000", "2026-11-29-080000_metadata"),
    step!("sqlite", "20261129090000", "2026-11-29-090000_usage"),
    step!("sqlite", "20261129100000", "2026-11-29-100000_jobs"),
    step!("sqlite", "20261129110000", "2026-11-29-110000_documents"),
    step!("sqlite", "20261129120000", "2026-11-29-120000_assistants"),
    step!("sqlite", "20261129130000", "2026-11-29-130000_files"),
];
const POSTGRES: [Step; 12] = [
    step!("postgres", "20261121000000", "2026-11-21-000000_init"),
    step!("postgres", "20261121120000", "2026-11-21-120000_rooms"),
    step!("postgres", "20261121180000", "2026-11-21-180000_routing"),
    step!("postgres", "20261121200000", "2026-11-21-200000_people"),
    step!("postgres", "20261121210000", "2026-11-21-210000_archive"),
    step!("postgres", "20261121220000", "2026-11-21-220000_encryption"),
    step!("postgres", "20261129080000", "2026-11-29-080000_metadata"),
    step!("postgres", "20261129090000", "2026-11-29-090000_usage"),
    step!("postgres", "20261129100000", "2026-11-29-100000_jobs"),
    step!("postgres", "20261129110000", "2026-11-29-110000_documents"),
    step!("postgres", "20261129120000", "2026-11-29-120000_assistants"),
    step!("postgres", "20261129130000", "2026-11-29-130000_files"),
];

/// The statements of `steps`, as a server that knew no later ones has left them.
fn up(steps: &[Step]) -> String {
    let mut statements = String::from(
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
         run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);",
    );
    for Step { version, up, .. } in steps {
        let known = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}');");
        statements += up;
        statements += &known;
    }
    statements
}

/// The way back over `steps`.
fn down(steps: &[Step]) -> String {
    let back = |Step { version, down, .. }: &Step| {
        format!("{down} DELETE FROM __diesel_schema_migrations WHERE version = '{version}';")
    };
    steps.iter().rev().map(back).collect()
}

/// A conversation of two, with three entries, as the first schema has it.
fn old_rows(conversation: ConversationId, users: [UserId; 2], sqlite: bool) -> String {
    let id = |uuid: uuid::Uuid| if sqlite { format!("x'{}'", uuid.simple()) } else { format!("'{uuid}'") };
    let (now, place) = (if sqlite { "0" } else { "now()" }, id(conversation.as_uuid()));
    let [ann, bob] = users.map(|user| id(user.as_uuid()));
    let message = |seq: u32| {
        format!(
            "INSERT INTO messages (conversation_id, seq, changed_seq, id, author_id, kind, content, created_at) \
             VALUES ({place}, {seq}, {seq}, {}, {ann}, 'user', 'old {seq}', {now});",
            id(uuid::Uuid::now_v7())
        )
    };
    let messages: String = (1..=3).map(message).collect();
    format!(
        "INSERT INTO conversations VALUES ({place}, 'Old', 'old', 3, 3, {now}, {now}); \
         INSERT INTO participants VALUES ({place}, {ann}, 'owner', {now}), ({place}, {bob}, 'member', {now}); {messages}"
    )
}

async fn old_conversations_have_been_delivered(url: &str, conversation: ConversationId, users: [UserId; 2]) {
    let store = Database::open(url, &Options::default()).await.unwrap();
    let record = store.conversation_get(conversation).await.unwrap().unwrap();
    assert_eq!((people_of(&record), record.room), (users.to_vec(), None));
    assert!(record.participants.iter().all(|one| one.visible_after == 0));
    let log = store.log_after(conversation, 0, 9, 9).await.unwrap();
    assert_eq!(
        log.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(),
        ["old 1", "old 2", "old 3"]
    );
    for user in users {
        assert_eq!(store.unsynced_list(user, 9).await.unwrap(), []);
    }
    let members = store.member_list(conversation, None, 9).await.unwrap();
    assert!(members.iter().all(|one| (one.delivered, one.read) == (3, 3)));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_takes_the_first_schemas_rows_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let (conversation, users) = (ConversationId::new(), [UserId::new(), UserId::new()]);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(&up(&SQLITE[..1])).unwrap();
    connection.execute_batch(&old_rows(conversation, users, true)).unwrap();
    drop(connection);
    let url = format!("sqlite://{}", path.display());
    old_conversations_have_been_delivered(&url, conversation, users).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_takes_the_first_schemas_rows_along() {
    let server = Server::shared();
    let name = server.fresh_database().await;
    let client = server.connect(&name).await;
    let (conversation, users) = (ConversationId::new(), [UserId::new(), UserId::new()]);
    client.batch_execute(&up(&POSTGRES[..1])).await.unwrap();
    client.batch_execute(&old_rows(conversation, users, false)).await.unwrap();
    old_conversations_have_been_delivered(&server.url(&name), conversation, users).await;
}

/// A conversation with a question and its reply, as the schema before the books has it.
fn rows_before_the_books(conversation: ConversationId, user: UserId, sqlite: bool) -> String {
    let id = |uuid: uuid::Uuid| if sqlite { format!("x'{}'", uuid.simple()) } else { format!("'{uuid}'") };
    let (now, place, ann) =
        (if sqlite { "0" } else { "now()" }, id(conversation.as_uuid()), id(user.as_uuid()));
    let [question, reply] = [(); 2].map(|()| id(uuid::Uuid::now_v7()));
    let yes = if sqlite { "1" } else { "true" };
    format!(
        "INSERT INTO conversations (id, title, title_folded, last_seq, message_count, created_at, updated_at) \
         VALUES ({place}, 'Old', 'old', 2, 2, {now}, {now}); \
         INSERT INTO participants (conversation_id, user_id, role, joined_at, delivered_seq, read_seq) \
         VALUES ({place}, {ann}, 'owner', {now}, 2, 1); \
         INSERT INTO messages (conversation_id, seq, changed_seq, id, author_id, author_name, kind, content, created_at) \
         VALUES ({place}, 1, 1, {question}, {ann}, 'ann', 'user', 'old question', {now}); \
         INSERT INTO messages (conversation_id, seq, changed_seq, id, kind, content, created_at, in_reply_to, status, \
         model, prompt_tokens, completion_tokens, usage_estimated, cost_nano, elapsed_ms) VALUES ({place}, 2, 2, \
         {reply}, 'assistant', 'old reply', {now}, {question}, 'complete', 'old-1', 7, 11, {yes}, 1250, 840);"
    )
}

async fn old_replies_are_as_they_were(url: &str, conversation: ConversationId, user: UserId) {
    let store = Database::open(url, &Options::default()).await.unwrap();
    let log = store.log_after(conversation, 0, 9, 9).await.unwrap();
    let [question, answer] = &log[..] else { panic!("{log:?}") };
    assert_eq!((&*question.content, question.author_name.as_deref()), ("old question", Some("ann")));
    assert_eq!((&question.content_type, &answer.content_type), (&None, &None));
    let expected = Reply {
        in_reply_to: question.id,
        status: TurnStatus::Complete,
        model: Some("old-1".to_owned()),
        usage: Usage { prompt_tokens: 7, completion_tokens: 11, estimated: true },
        cost: Some(NanoDollars(1_250)),
        elapsed: Duration::from_millis(840),
        backend: None,
        confidence: None,
    };
    assert_eq!((&*answer.content, answer.reply.as_ref()), ("old reply", Some(&expected)));
    let members = store.member_list(conversation, None, 9).await.unwrap();
    assert_eq!((members[0].delivered, members[0].read), (2, 1));
    assert_eq!(store.usage_attempts(answer.id).await.unwrap(), [], "the books begin empty");
    assert_eq!(store.usage_balance(&Account::User(user)).await.unwrap(), Balance::default());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_takes_the_rows_from_before_the_books_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let (conversation, user) = (ConversationId::new(), UserId::new());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(&up(&SQLITE[..2])).unwrap();
    connection.execute_batch(&rows_before_the_books(conversation, user, true)).unwrap();
    drop(connection);
    old_replies_are_as_they_were(&format!("sqlite://{}", path.display()), conversation, user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_takes_the_rows_from_before_the_books_along() {
    let server = Server::shared();
    let name = server.fresh_database().await;
    let client = server.connect(&name).await;
    let (conversation, user) = (ConversationId::new(), UserId::new());
    client.batch_execute(&up(&POSTGRES[..2])).await.unwrap();
    client.batch_execute(&rows_before_the_books(conversation, user, false)).await.unwrap();
    old_replies_are_as_they_were(&server.url(&name), conversation, user).await;
}

/// A room with a removed member, and a deleted one. Gives the conversation that is left.
async fn before_the_way_back(subject: &Subject) -> Scene {
    let kept = Scene::room(&subject.store, "kept", RoomKind::Shared).await;
    let removed = kept.of(UserId::new());
    removed.write_one(removed.enter()).await;
    removed.write_one(removed.step(MembershipStep::Remove)).await;
    kept.store(kept.message("hello")).await;
    let gone = Scene::room(&subject.store, "gone", RoomKind::Shared).await;
    gone.store(gone.message("gone")).await;
    gone.write_one(gone.step(MembershipStep::Delete)).await;
    subject.database().unwrap().close().await;
    kept
}

const LEFT: &str = "SELECT (SELECT count(*) FROM conversations), (SELECT count(*) FROM participants), \
                    (SELECT count(*) FROM messages)";

/// The way back and forth again: what was deleted stays so, and nobody comes back who was removed.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_can_go_back() {
    let subject = Subject::sqlite().await;
    let (kept, url) = (before_the_way_back(&subject).await, subject.url().unwrap());
    let folder = subject.forget();
    let connection = rusqlite::Connection::open(url.replace("sqlite://", "")).unwrap();
    connection.execute_batch(&down(&SQLITE[1..])).unwrap();
    let count =
        |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    assert_eq!(connection.query_row(LEFT, (), count).unwrap(), (1, 1, 1));
    drop(connection);
    let conversation = kept.conversation;
    drop(kept);
    let again = Database::open(&url, &Options::default()).await.unwrap();
    assert_eq!(again.conversation_get(conversation).await.unwrap().unwrap().participants.len(), 1);
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_can_go_back() {
    let subject = Subject::postgres().await;
    let (kept, url) = (before_the_way_back(&subject).await, subject.url().unwrap());
    let client = Server::shared().connect(url.rsplit('/').next().unwrap()).await;
    client.batch_execute(&down(&POSTGRES[1..])).await.unwrap();
    let row = client.query_one(LEFT, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (1, 1, 1));
    let again = Database::open(&url, &Options::default()).await.unwrap();
    assert_eq!(again.conversation_get(kept.conversation).await.unwrap().unwrap().participants.len(), 1);
}

/// The conditions of the page of changes, as the store asks for it.
const CHANGES: &str = "messages.changed_seq != messages.seq AND messages.seq <= 900 AND messages.changed_seq > 900 \
                       AND messages.changed_seq <= 2000 ORDER BY messages.changed_seq LIMIT 50";

async fn long_log_with_few_changes(subject: &Subject) -> Scene {
    let scene = Scene::new(&subject.store).await;
    let written = scene.write((0..1_500).map(|_| say(scene.message("hello")))).await;
    let first = crate::write::stored(written[0].clone()).0;
    changed(scene.write_one(scene.change(first.id, Edit::Content("changed".into()), 2)).await);
    scene
}

/// Changes are found without reading the log that lies before them.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_finds_changes_by_their_index() {
    let subject = Subject::sqlite().await;
    let scene = long_log_with_few_changes(&subject).await;
    let path = subject.url().unwrap().replace("sqlite://", "");
    let connection = rusqlite::Connection::open(path).unwrap();
    let place = scene.conversation.as_uuid().simple();
    let query = format!(
        "EXPLAIN QUERY PLAN SELECT * FROM messages WHERE messages.conversation_id = x'{place}' AND {CHANGES}"
    );
    let plan: String = connection.query_row(&query, (), |row| row.get("detail")).unwrap();
    assert!(plan.contains("USING INDEX messages_changed (conversation_id=? AND changed_seq>"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_finds_changes_by_their_index() {
    let subject = Subject::postgres().await;
    let scene = long_log_with_few_changes(&subject).await;
    let client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    client.batch_execute("ANALYZE").await.unwrap();
    let place = scene.conversation;
    let query =
        format!("EXPLAIN SELECT * FROM messages WHERE messages.conversation_id = '{place}' AND {CHANGES}");
    let plan = client.query(&query, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("messages_changed")), "{plan:#?}");
}
