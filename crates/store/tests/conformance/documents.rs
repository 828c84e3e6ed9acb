//! Documents: who has which, what is to be made ready, and which passages are near to a vector, of which documents.

use crate::people::{ANN, user};
use crate::subject::{Subject, suite};
use crate::write::{Scene, at};
use parlor_domain::ports::{
    Chunk, DocumentLease, DocumentRecord, DocumentScope, DocumentState, DocumentWork, Page, Passage, Store,
};
use parlor_domain::room::RoomKind;
use parlor_domain::{AssistantId, ConversationId, DocumentId, UserId};
use std::sync::Arc;
use uuid::Uuid;

const MODEL: &str = "m";
const ALL: Page = Page { offset: 0, limit: 99 };

pub fn record(owner: UserId, scope: DocumentScope, title: &str, second: i64) -> DocumentRecord {
    DocumentRecord {
        id: DocumentId::new(),
        owner,
        scope,
        title: title.to_owned(),
        content_type: "text/plain".to_owned(),
        size: 4,
        state: DocumentState::Pending,
        problem: None,
        chunks: 0,
        created_at: at(second),
        updated_at: at(second),
    }
}

fn lease(node: Uuid, second: i64) -> DocumentLease {
    DocumentLease { node, now: at(second), until: at(second + 60) }
}

/// A vector of length 1 in the plane of the first two of four dimensions, at this angle.
fn direction(degrees: f32) -> Vec<f32> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    vec![cos, sin, 0.0, 0.0]
}

fn chunk(text: &str, degrees: f32) -> Chunk {
    Chunk { text: text.to_owned(), vector: direction(degrees) }
}

/// A document that is ready, with these passages.
pub async fn ready(store: &Arc<dyn Store>, record: &DocumentRecord, chunks: Vec<Chunk>) {
    assert!(store.document_add(record.clone(), "text".to_owned(), 99).await.unwrap());
    let lease = lease(Uuid::new_v4(), 1_000);
    let work = store.document_claim(lease).await.unwrap().expect("it waits");
    assert_eq!(work.record.id, record.id, "nothing else waits");
    assert!(store.document_index(record.id, lease, MODEL, chunks).await.unwrap());
}

pub async fn near(
    store: &Arc<dyn Store>,
    scopes: &[DocumentScope],
    degrees: f32,
    limit: usize,
) -> Vec<Passage> {
    store.passages_near(scopes, MODEL, &direction(degrees), limit).await.unwrap()
}

fn texts(passages: &[Passage]) -> Vec<&str> {
    passages.iter().map(|passage| passage.text.as_str()).collect()
}

async fn documents_are_listed_by_what_they_are_attached_to(subject: &Subject) {
    let (store, ann) = (&subject.store, user(subject, ANN).await.id);
    let (own, other) = (DocumentScope::User(ann), DocumentScope::Assistant(AssistantId::new()));
    let (one, two, three) =
        (record(ann, own, "One é", 1), record(ann, own, "Two", 2), record(ann, other, "Three", 3));
    for record in [&one, &two, &three] {
        assert!(store.document_add(record.clone(), "text".to_owned(), 2).await.unwrap());
    }
    assert!(
        !store.document_add(record(ann, own, "Four", 4), "text".to_owned(), 2).await.unwrap(),
        "two are all"
    );
    assert_eq!(store.document_get(one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(store.document_get(DocumentId::new()).await.unwrap(), None);
    let listed = store.document_list(own, ALL).await.unwrap();
    assert_eq!((listed.items, listed.total), (vec![two.clone(), one.clone()], 2));
    let page = Page { offset: 1, limit: 1 };
    assert_eq!(store.document_list(own, page).await.unwrap().items, std::slice::from_ref(&one));
    assert_eq!(store.document_list(DocumentScope::User(UserId::new()), ALL).await.unwrap().total, 0);
    assert!(store.document_delete(one.id).await.unwrap() && !store.document_delete(one.id).await.unwrap());
    assert_eq!(store.document_list(own, ALL).await.unwrap().items, [two]);
    assert_eq!(store.document_list(other, ALL).await.unwrap().items, [three]);
}

/// Protects documents from a process that dies: what it was about is taken up by another, and what it says late counts no more.
async fn a_document_is_one_nodes_at_a_time(subject: &Subject) {
    let (store, ann) = (&subject.store, user(subject, ANN).await.id);
    let (dead, here) = (Uuid::new_v4(), Uuid::new_v4());
    let (first, second) =
        (record(ann, DocumentScope::User(ann), "1", 1), record(ann, DocumentScope::User(ann), "2", 2));
    for record in [&first, &second] {
        store.document_add(record.clone(), format!("text of {}", record.title), 9).await.unwrap();
    }
    let DocumentWork { record, text, tries } = store.document_claim(lease(dead, 10)).await.unwrap().unwrap();
    assert_eq!((record.id, text.as_str(), tries), (first.id, "text of 1", 1), "the one that waited longest");
    if !subject.is_alone() {
        let other = store.document_claim(lease(here, 20)).await.unwrap().unwrap();
        assert_eq!(other.record.id, second.id);
        assert!(store.document_claim(lease(here, 20)).await.unwrap().is_none());
        assert!(store.document_delete(second.id).await.unwrap());
    }
    assert!(store.document_hold(first.id, lease(dead, 20)).await.unwrap());
    // The other node is dead once its lease is over; at once, where there can be no other node.
    let later = if subject.is_alone() { 30 } else { 81 };
    let again = store.document_claim(lease(here, later)).await.unwrap().unwrap();
    assert_eq!((again.record.id, again.tries), (first.id, 2));
    assert!(!store.document_hold(first.id, lease(dead, later)).await.unwrap());
    assert!(
        !store.document_index(first.id, lease(dead, later), MODEL, vec![chunk("dead", 0.0)]).await.unwrap()
    );
    assert!(near(store, &[DocumentScope::User(ann)], 0.0, 9).await.is_empty());
    let indexed =
        store.document_index(first.id, lease(here, later), MODEL, vec![chunk("a", 0.0), chunk("b", 9.0)]);
    assert!(indexed.await.unwrap());
    let made = store.document_get(first.id).await.unwrap().unwrap();
    assert_eq!((made.state, made.chunks, made.updated_at), (DocumentState::Ready, 2, at(later)));
}

async fn a_problem_waits_or_is_the_end(subject: &Subject) {
    let (store, ann, node) = (&subject.store, user(subject, ANN).await.id, Uuid::new_v4());
    let waits = record(ann, DocumentScope::User(ann), "1", 1);
    store.document_add(waits.clone(), "text".to_owned(), 9).await.unwrap();
    store.document_claim(lease(node, 10)).await.unwrap().unwrap();
    let later = DocumentLease { node, now: at(10), until: at(100) };
    store.document_problem(waits.id, later, DocumentState::Pending, "busy").await.unwrap();
    let found = store.document_get(waits.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.problem.as_deref()), (DocumentState::Pending, Some("busy")));
    assert!(store.document_claim(lease(node, 99)).await.unwrap().is_none(), "it waits");
    let again = store.document_claim(lease(node, 100)).await.unwrap().unwrap();
    assert_eq!(again.tries, 2);
    store.document_problem(waits.id, lease(node, 101), DocumentState::Failed, "broken").await.unwrap();
    assert!(store.document_claim(lease(node, 9_999)).await.unwrap().is_none(), "it has failed");
    let found = store.document_get(waits.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.problem.as_deref()), (DocumentState::Failed, Some("broken")));
}

/// Protects everybody's documents: whatever is asked, nothing of another scope is found, however near it is.
async fn only_what_was_asked_for_is_found(subject: &Subject) {
    let (store, ann) = (&subject.store, user(subject, ANN).await.id);
    let (own, assistant) = (DocumentScope::User(ann), DocumentScope::Assistant(ann.as_uuid().into()));
    // The same id in another kind is another scope.
    let (room, bob) = (DocumentScope::Room(ann.as_uuid().into()), DocumentScope::User(UserId::new()));
    assert!(!store.documents_any(&[own, room], MODEL).await.unwrap());
    for (scope, name) in [(own, "own"), (assistant, "assistant"), (room, "room"), (bob, "bob")] {
        let chunks = vec![chunk(&format!("{name} 0"), 0.0), chunk(&format!("{name} 40"), 40.0)];
        ready(store, &record(ann, scope, name, 1), chunks).await;
    }
    for (scopes, expect) in [
        (&[own][..], &["own 0", "own 40"][..]),
        (&[bob], &["bob 0", "bob 40"]),
        (&[room, assistant], &["assistant 0", "room 0", "assistant 40", "room 40"]),
        (&[DocumentScope::User(UserId::new())], &[]),
        (&[], &[]),
    ] {
        let mut found = near(store, scopes, 0.0, 9).await;
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        let tenths = |it: &Passage| (it.score * 10.0).round();
        found.sort_by(|a, b| (tenths(b), &a.text).partial_cmp(&(tenths(a), &b.text)).unwrap());
        assert_eq!(texts(&found), expect, "{scopes:?}");
        assert_eq!(store.documents_any(scopes, MODEL).await.unwrap(), !expect.is_empty());
        assert!(!store.documents_any(scopes, "another").await.unwrap());
    }
    assert!(store.passages_near(&[own], "another", &direction(0.0), 9).await.unwrap().is_empty());
    assert!(store.passages_near(&[own], MODEL, &[1.0], 9).await.unwrap().is_empty(), "of another length");
}

async fn the_nearest_come_first_with_their_cosines(subject: &Subject) {
    let (store, ann) = (&subject.store, user(subject, ANN).await.id);
    let own = DocumentScope::User(ann);
    let (one, two) = (record(ann, own, "One", 1), record(ann, own, "Two", 2));
    ready(store, &one, vec![chunk("10", 10.0), chunk("80", 80.0), chunk("170", 170.0)]).await;
    ready(store, &two, vec![chunk("30", 30.0), chunk("60", 60.0)]).await;
    let found = near(store, &[own], 0.0, 3).await;
    assert_eq!(texts(&found), ["10", "30", "60"]);
    let about: Vec<_> = found.iter().map(|it| (it.document, it.title.as_str(), it.chunk)).collect();
    assert_eq!(about, [(one.id, "One", 0), (two.id, "Two", 0), (two.id, "Two", 1)]);
    for (passage, degrees) in found.iter().zip([10.0_f32, 30.0, 60.0]) {
        assert!((passage.score - degrees.to_radians().cos()).abs() < 0.02, "{passage:?}");
    }
    assert_eq!(texts(&near(store, &[own], 180.0, 1).await), ["170"]);
}

/// Protects who removes a document, and who has it embedded anew: nothing of what was made of it is found any more.
async fn what_is_gone_is_found_no_more(subject: &Subject) {
    let (store, ann) = (&subject.store, user(subject, ANN).await.id);
    let own = DocumentScope::User(ann);
    let (one, two) = (record(ann, own, "One", 1), record(ann, own, "Two", 2));
    ready(store, &one, vec![chunk("one", 0.0)]).await;
    ready(store, &two, vec![chunk("two", 1.0), chunk("deux", 2.0)]).await;
    assert!(store.document_delete(one.id).await.unwrap());
    assert_eq!(texts(&near(store, &[own], 0.0, 9).await), ["two", "deux"]);

    assert_eq!(store.documents_outdated(MODEL).await.unwrap(), 0);
    assert_eq!(store.documents_outdated("n").await.unwrap(), 1);
    assert!(near(store, &[own], 0.0, 9).await.is_empty());
    let node = lease(Uuid::new_v4(), 2_000);
    assert_eq!(store.document_claim(node).await.unwrap().unwrap().tries, 1);
    assert!(store.document_index(two.id, node, "n", vec![chunk("zwei", 3.0)]).await.unwrap());
    let found = store.passages_near(&[own], "n", &direction(0.0), 9).await.unwrap();
    assert_eq!(texts(&found), ["zwei"]);
    assert_eq!(store.document_get(two.id).await.unwrap().unwrap().chunks, 1);
}

async fn documents_of_what_is_gone_go_too(subject: &Subject) {
    let store = &subject.store;
    let scene = Scene::room(store, "room", RoomKind::Group).await;
    let (here, gone) = (DocumentScope::Room(scene.conversation), DocumentScope::Room(ConversationId::new()));
    ready(store, &record(scene.user, here, "here", 1), vec![chunk("here", 0.0)]).await;
    ready(store, &record(scene.user, gone, "gone", 2), vec![chunk("gone", 0.0)]).await;
    let deleted = DocumentScope::Assistant(AssistantId::new());
    ready(store, &record(scene.user, deleted, "gone", 3), vec![chunk("gone", 0.0)]).await;
    assert_eq!(store.documents_of_gone(9).await.unwrap(), 2);
    assert_eq!(texts(&near(store, &[here, gone], 0.0, 9).await), ["here"]);
    scene.write_one(scene.step(parlor_domain::ports::MembershipStep::Delete)).await;
    assert_eq!(store.documents_of_gone(9).await.unwrap(), 1);
    assert!(near(store, &[here, gone], 0.0, 9).await.is_empty());
    assert_eq!(store.documents_of_gone(9).await.unwrap(), 0);
}

suite! {
    sealed too:
    documents_are_listed_by_what_they_are_attached_to
    a_document_is_one_nodes_at_a_time
    a_problem_waits_or_is_the_end
    only_what_was_asked_for_is_found
    the_nearest_come_first_with_their_cosines
    what_is_gone_is_found_no_more
    documents_of_what_is_gone_go_too
}

/// The same where PostgreSQL has the extension for vectors, which few documents do not ask.
mod with_pgvector {
    use super::*;
    use crate::postgres::Server;
    use parlor_store::{Database, Options};

    async fn subject() -> Subject {
        Subject::pgvector().await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn everything_else_holds() {
        only_what_was_asked_for_is_found(&subject().await).await;
        the_nearest_come_first_with_their_cosines(&subject().await).await;
        what_is_gone_is_found_no_more(&subject().await).await;
        documents_of_what_is_gone_go_too(&subject().await).await;
        a_document_is_one_nodes_at_a_time(&subject().await).await;
    }

    fn around(name: &str, count: u16) -> Vec<Chunk> {
        (0..count)
            .map(|step| chunk(&format!("{name} {step}"), f32::from(step) * 360.0 / f32::from(count)))
            .collect()
    }

    /// Protects large collections: the index, which the first search has made, finds the nearest of very many, and of nobody
    /// else's although those are as many and nearer; one that a dead process left unfinished is made anew; and what was there
    /// before the extension came is given to it.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_index_finds_the_nearest_of_many_and_of_nobody_else() {
        let subject = subject().await;
        let (store, ann) = (&subject.store, user(&subject, ANN).await.id);
        let (own, other) = (DocumentScope::User(ann), DocumentScope::User(UserId::new()));
        for number in 0..6 {
            ready(store, &record(ann, own, "own", number), around("own", 2_000)).await;
            ready(store, &record(ann, other, "other", number), around("other", 2_001)).await;
        }
        let url = subject.url().unwrap();
        let client = Server::with_pgvector().connect(url.rsplit('/').next().unwrap()).await;
        assert!(!is_indexed(&client).await);
        finds(store, own).await;
        until_indexed(&client).await;
        finds(store, own).await;
        client.batch_execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('passage_embeddings_4')")
            .await
            .unwrap();
        let again: Arc<dyn Store> = Arc::new(Database::open(&url, &Options::default()).await.unwrap());
        near(&again, &[own], 0.0, 10).await;
        until_indexed(&client).await;
        finds(&again, own).await;
        client.batch_execute("DELETE FROM passage_embeddings WHERE number = 7").await.unwrap();
        assert_eq!(again.documents_outdated(MODEL).await.unwrap(), 12);
    }

    async fn finds(store: &Arc<dyn Store>, scope: DocumentScope) {
        for degrees in [0.0, 45.0, 200.0] {
            let found = near(store, &[scope], degrees, 10).await;
            assert_eq!(found.len(), 10);
            assert!(found.iter().all(|it| it.text.starts_with("own") && it.score > 0.999), "{found:?}");
        }
    }

    async fn until_indexed(client: &tokio_postgres::Client) {
        for _ in 0..600 {
            if is_indexed(client).await {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("no index was made");
    }

    /// Whether a search like the store's goes by an index.
    async fn is_indexed(client: &tokio_postgres::Client) -> bool {
        let query = "EXPLAIN SELECT number FROM passage_embeddings WHERE dimensions = 4 \
                     ORDER BY embedding::halfvec(4) <=> '[1,0,0,0]'::halfvec(4) LIMIT 5";
        let plan = client.query(query, &[]).await.unwrap();
        plan.iter().any(|row| row.get::<_, String>(0).contains("passage_embeddings_4"))
    }
}
