//! What the planners make of the indexes: a list, a page, an export or a purge reads its own rows, and not everybody's.

use crate::postgres::Server;
use crate::subject::Subject;
use crate::write::{Scene, ending, say};
use parlor_domain::ports::{Page, Store};
use std::sync::Arc;

/// A question about `{place}`, `{message}` and `{user}`, and the index that must answer it.
struct Question {
    query: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const QUESTIONS: [Question; 8] = [
    Question {
        query: "SELECT messages.id FROM messages INNER JOIN conversations ON messages.conversation_id = conversations.id \
                WHERE messages.fingerprint IN ({message}, {place}) AND messages.seq = 1 \
                AND conversations.deleted_at IS NULL AND conversations.room_id IS NULL \
                ORDER BY messages.conversation_id LIMIT 1",
        sqlite: "INDEX messages_by_fingerprint (fingerprint=?",
        postgres: "messages_by_fingerprint",
    },
    Question {
        query: "SELECT conversations.id FROM participants INNER JOIN conversations \
                ON participants.conversation_id = conversations.id WHERE participants.user_id = {user} \
                AND participants.role <> 'removed' AND conversations.room_id IS NULL \
                AND conversations.deleted_at IS NULL ORDER BY conversations.updated_at DESC, conversations.id DESC \
                LIMIT 20 OFFSET 0",
        sqlite: "SEARCH participants USING INDEX participants_by_user (user_id=?)",
        postgres: "participants_by_user",
    },
    Question {
        query: "SELECT count(*) FROM messages WHERE conversation_id = {place} AND seq > 0 AND author_id IS NOT NULL",
        sqlite: "SEARCH messages USING PRIMARY KEY (conversation_id=? AND seq>?)",
        postgres: "messages_pkey",
    },
    Question {
        query: "SELECT * FROM messages WHERE conversation_id = {place} AND seq > 7 ORDER BY seq LIMIT 64",
        sqlite: "SEARCH messages USING PRIMARY KEY (conversation_id=? AND seq>?)",
        postgres: "messages_pkey",
    },
    Question {
        query: "SELECT max(seq) FROM messages WHERE conversation_id = {place} \
                AND in_reply_to IN ({message}, {place}) GROUP BY in_reply_to",
        sqlite: "messages_replies (conversation_id=? AND in_reply_to=?",
        postgres: "messages_replies",
    },
    Question {
        query: "SELECT * FROM messages WHERE conversation_id = {place} AND seq IN (2, 1502)",
        sqlite: "SEARCH messages USING PRIMARY KEY (conversation_id=? AND seq=?)",
        postgres: "messages_pkey",
    },
    Question {
        query: "SELECT id FROM conversations WHERE deleted_at < {time} ORDER BY deleted_at, id LIMIT 10",
        sqlite: "INDEX conversations_deleted (deleted_at<?)",
        postgres: "conversations_deleted",
    },
    Question {
        query: "SELECT conversations.id FROM participants INNER JOIN conversations \
                ON participants.conversation_id = conversations.id WHERE participants.user_id = {user} \
                AND participants.role <> 'removed' AND conversations.room_id IS NULL \
                AND conversations.deleted_at IS NULL AND conversations.indexed_seq < conversations.last_seq",
        sqlite: "SEARCH participants USING INDEX participants_by_user (user_id=?)",
        postgres: "participants_by_user",
    },
];

/// A long conversation among many others, and one of its messages, which was answered.
async fn a_city(store: &Arc<dyn Store>) -> (Scene, uuid::Uuid) {
    for _ in 0..60 {
        let other = Scene::new(store).await;
        other.write((0..40).map(|number| say(other.message(&format!("number {number}"))))).await;
        let turn = other.live_turn().await;
        other.write_one(ending(&turn, "A room.")).await;
    }
    let scene = Scene::new(store).await;
    scene.write((0..1_500).map(|number| say(scene.message(&format!("number {number}"))))).await;
    let turn = scene.live_turn().await;
    scene.write_one(ending(&turn, "A room.")).await;
    (scene, turn.in_reply_to.as_uuid())
}

fn filled(query: &str, scene: &Scene, message: uuid::Uuid, sqlite: bool) -> String {
    let id = |uuid: uuid::Uuid| if sqlite { format!("x'{}'", uuid.simple()) } else { format!("'{uuid}'") };
    let query = query.replace("{place}", &id(scene.conversation.as_uuid()));
    let query = query.replace("{user}", &id(scene.user.as_uuid())).replace("{message}", &id(message));
    query.replace("{time}", if sqlite { "1" } else { "now()" })
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_reads_no_more_than_it_must() {
    let subject = Subject::sqlite().await;
    let (scene, message) = a_city(&subject.store).await;
    let connection = rusqlite::Connection::open(subject.url().unwrap().replace("sqlite://", "")).unwrap();
    for Question { query, sqlite, .. } in QUESTIONS {
        let query = format!("EXPLAIN QUERY PLAN {}", filled(query, &scene, message, true));
        let mut plan = connection.prepare(&query).unwrap();
        let plan: Vec<String> =
            plan.query_map((), |row| row.get("detail")).unwrap().map(Result::unwrap).collect();
        assert!(plan.iter().any(|line| line.contains(sqlite)), "{query}\n{plan:#?}");
        assert!(!plan.iter().any(|line| line.starts_with("SCAN")), "{query}\n{plan:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_no_more_than_it_must() {
    let subject = Subject::postgres().await;
    let (scene, message) = a_city(&subject.store).await;
    let client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    client.batch_execute("ANALYZE").await.unwrap();
    for Question { query, postgres, .. } in QUESTIONS {
        // The tables are small here: without this the planner would read some of them whole, and be right.
        client.batch_execute("SET enable_seqscan = off").await.unwrap();
        let query = format!("EXPLAIN {}", filled(query, &scene, message, false));
        let plan = client.query(&query, &[]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        assert!(plan.iter().any(|line| line.contains(postgres)), "{query}\n{plan:#?}");
        assert!(!plan.iter().any(|line| line.contains("Seq Scan")), "{query}\n{plan:#?}");
    }
}

/// The index on PostgreSQL is asked for words, and SQLite's once, whoever's they are.
#[tokio::test(flavor = "multi_thread")]
async fn search_goes_by_its_index() {
    let subject = Subject::postgres().await;
    let (scene, _) = a_city(&subject.store).await;
    let all = Page { offset: 0, limit: 9 };
    let found = subject.store.conversation_search(scene.user, vec!["parlor".to_owned()], all).await;
    assert_eq!(found.unwrap().unwrap().total, 1);
    let client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    let query = "EXPLAIN SELECT seq FROM search_entries WHERE words @@ '''parlor'':*'::tsquery";
    let plan = client.query(query, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("search_by_words")), "{plan:#?}");

    let subject = Subject::sqlite().await;
    let connection = rusqlite::Connection::open(subject.url().unwrap().replace("sqlite://", "")).unwrap();
    let query = "EXPLAIN QUERY PLAN SELECT e.seq FROM search_words CROSS JOIN search_entries AS e \
                 ON e.id = search_words.rowid CROSS JOIN participants AS p \
                 ON p.conversation_id = e.conversation_id AND p.user_id = x'00' WHERE search_words MATCH '\"a\"*'";
    let mut plan = connection.prepare(query).unwrap();
    let plan: Vec<String> =
        plan.query_map((), |row| row.get("detail")).unwrap().map(Result::unwrap).collect();
    assert!(plan[0].contains("SCAN search_words VIRTUAL TABLE INDEX"), "{plan:#?}");
    assert!(plan[1].contains("SEARCH e USING INTEGER PRIMARY KEY"), "{plan:#?}");
}
