//! Steps between schemas: what was there before, and what the planner makes of the indexes.

use crate::postgres::Server;
use crate::subject::Subject;
use crate::write::{Scene, changed, people_of, say};
use parlor_domain::message::Edit;
use parlor_domain::ports::{MembershipStep, Store};
use parlor_domain::room::RoomKind;
use parlor_domain::{ConversationId, UserId};
use parlor_store::{Database, Options};

const SQLITE: [(&str, &str); 2] = [
    (include_str!("../../../../migrations/sqlite/2026-11-21-000000_init/up.sql"), "20261121000000"),
    (include_str!("../../../../migrations/sqlite/2026-11-21-120000_rooms/down.sql"), "20261121120000"),
];
const POSTGRES: [(&str, &str); 2] = [
    (include_str!("../../../../migrations/postgres/2026-11-21-000000_init/up.sql"), "20261121000000"),
    (include_str!("../../../../migrations/postgres/2026-11-21-120000_rooms/down.sql"), "20261121120000"),
];

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

fn version(number: &str) -> String {
    format!(
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
         run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP); \
         INSERT INTO __diesel_schema_migrations (version) VALUES ('{number}');"
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
    connection.execute_batch(SQLITE[0].0).unwrap();
    connection.execute_batch(&version(SQLITE[0].1)).unwrap();
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
    client.batch_execute(POSTGRES[0].0).await.unwrap();
    client.batch_execute(&version(POSTGRES[0].1)).await.unwrap();
    client.batch_execute(&old_rows(conversation, users, false)).await.unwrap();
    old_conversations_have_been_delivered(&server.url(&name), conversation, users).await;
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
    connection.execute_batch(SQLITE[1].0).unwrap();
    let count =
        |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    assert_eq!(connection.query_row(LEFT, (), count).unwrap(), (1, 1, 1));
    connection.execute("DELETE FROM __diesel_schema_migrations WHERE version = ?1", [SQLITE[1].1]).unwrap();
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
    client.batch_execute(POSTGRES[1].0).await.unwrap();
    let row = client.query_one(LEFT, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (1, 1, 1));
    let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{}'", POSTGRES[1].1);
    client.batch_execute(&forget).await.unwrap();
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
