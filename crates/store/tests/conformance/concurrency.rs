//! Many writers at once, on one node and on two: seqs stay gapless, resends stay out, and commits are shared.

use crate::postgres::Server;
use crate::subject::{Subject, suite};
use crate::write::{Scene, Writing, at, duplicate, ending, refused, say, stored};
use futures_util::future::join_all;
use parlor_domain::message::{Edit, Message};
use parlor_domain::ports::{MembershipStep, Store, Written};
use parlor_domain::room::RoomKind;
use parlor_domain::{ConversationId, ErrorCode, UserId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

async fn appends_of_many_tasks_and_nodes_stay_gapless(subject: &Subject) {
    let second = subject.second().await;
    let scenes = [Scene::new(&subject.store).await, Scene::new(&subject.store).await];
    let writers = (0..24_usize).map(|writer| {
        let stores = [&subject.store, &second];
        let here: Vec<Scene> = scenes.iter().map(|scene| scene.on(stores[writer % 2])).collect();
        tokio::spawn(async move {
            let mut own = Vec::new();
            for number in 0..12 {
                let name = format!("{writer}-{number}");
                // Both conversations in one call, in either order.
                let order = if writer % 3 == 0 { [0, 1] } else { [1, 0] };
                let writes = order.map(|place: usize| say(here[place].sent(&name, &name)));
                own.extend(here[0].write(writes).await.into_iter().map(|written| stored(written).0));
            }
            own
        })
    });
    let mut acknowledged: Vec<Message> = Vec::new();
    for writer in join_all(writers).await {
        let own = writer.unwrap();
        for scene in &scenes {
            let seqs: Vec<_> = own
                .iter()
                .filter(|message| message.conversation == scene.conversation)
                .map(|m| m.seq)
                .collect();
            assert!(seqs.is_sorted(), "a writer's own messages keep their order");
        }
        acknowledged.extend(own);
    }
    for scene in &scenes {
        let of_it = acknowledged.iter().filter(|message| message.conversation == scene.conversation);
        let mut expected: Vec<Message> = of_it.cloned().collect();
        expected.sort_by_key(|message| message.seq);
        assert_eq!(expected.len(), 24 * 12);
        scene.assert_log(&expected).await;
    }
}

/// What one of many writers does in a conversation: entries of every kind, in calls that also touch another one. Gives
/// the seqs of its entries.
async fn mixed_writes(scenes: [Scene; 2], writer: usize) -> [Vec<u64>; 2] {
    let mut seqs = [Vec::new(), Vec::new()];
    let mut last = None;
    for round in 0..12_usize {
        let place = (writer + round) % 2;
        let (scene, other) = (&scenes[place], &scenes[1 - place]);
        let new = scene.sent(&format!("{writer}-{round}"), "hello");
        let id = new.message.id;
        let edit = Edit::Content(format!("{writer} in {round}"));
        let step = if round % 3 == 0 { MembershipStep::Leave { heir: None } } else { scene.enter().step };
        let mut call = vec![
            Writing::from(new),
            scene.step(step).into(),
            other.enter().into(),
            other.receipt(u64::MAX, round as u64).into(),
            scene.change(id, edit.clone(), 2).into(),
            scene.receipt(u64::MAX, u64::MAX).into(),
        ];
        // The message before this one is in the other conversation.
        call.extend(last.replace(id).map(|before| other.change(before, edit, 3).into()));
        for (number, written) in scene.write(call.into_iter().map(|one| one.0)).await.into_iter().enumerate()
        {
            match written {
                Written::Stored { message, .. } => seqs[place].push(message.seq),
                Written::Changed(message) if number == 4 => seqs[place].push(message.changed_seq),
                Written::Changed(message) => seqs[1 - place].push(message.changed_seq),
                _ => {}
            }
        }
    }
    seqs
}

async fn entries_of_every_kind_share_one_gapless_row_of_seqs(subject: &Subject) {
    let second = subject.second().await;
    let rooms = [
        Scene::room(&subject.store, "one", RoomKind::Shared).await,
        Scene::room(&subject.store, "two", RoomKind::Shared).await,
    ];
    let users: Vec<UserId> = (0..4).map(|_| UserId::new()).collect();
    let writers = (0..16_usize).map(|writer| {
        let store = if writer % 2 == 0 { &subject.store } else { &second };
        let scenes = [0, 1].map(|place: usize| rooms[place].of(users[writer % 4]).on(store));
        tokio::spawn(mixed_writes(scenes, writer))
    });
    let mut seqs = [Vec::new(), Vec::new()];
    for own in join_all(writers).await {
        let [one, two] = own.unwrap();
        seqs[0].extend(one);
        seqs[1].extend(two);
    }
    for (room, mut seqs) in rooms.iter().zip(seqs) {
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
        let record = room.store.conversation_get(room.conversation).await.unwrap().unwrap();
        assert_eq!((record.summary.last_seq, record.summary.message_count), (seqs.len() as u64, 96));
        let mut positions: Vec<u64> = Vec::new();
        for message in room.log().await {
            assert!(message.is_changed());
            positions.extend([message.seq, message.changed_seq]);
        }
        let count = positions.len();
        positions.sort_unstable();
        positions.dedup();
        assert_eq!((positions.len(), count), (192, 192), "no two entries at one place");
    }
}

async fn of_many_resends_at_once_one_is_stored(subject: &Subject) {
    let here = Scene::new(&subject.store).await;
    let there = here.on(&subject.second().await);
    for round in 0..10 {
        let name = round.to_string();
        let sends = (0..16).map(|number| {
            let scene = if number % 2 == 0 { &here } else { &there };
            scene.write_one(scene.sent(&name, "hello"))
        });
        only_one_is_stored(join_all(sends).await);
    }
    let log = here.log().await;
    assert_eq!(log.len(), 10);
    here.assert_log(&log).await;
}

async fn of_many_first_messages_at_once_one_makes_a_conversation(subject: &Subject) {
    let here = Scene::new(&subject.store).await;
    let there = here.on(&subject.second().await);
    for round in 0..20 {
        let name = round.to_string();
        let openings: Vec<_> = (0..12).map(|_| here.opening(&name, "hello", "A title")).collect();
        let ids: Vec<ConversationId> = openings.iter().map(|opening| opening.message.conversation).collect();
        let sends = openings.into_iter().enumerate().map(|(number, opening)| {
            let scene = if number % 2 == 0 { &here } else { &there };
            scene.write_one(opening)
        });
        let first = only_one_is_stored(join_all(sends).await);
        for id in ids {
            let made = subject.store.conversation_get(id).await.unwrap().is_some();
            assert_eq!(made, id == first.conversation);
        }
    }
}

#[track_caller]
fn only_one_is_stored(written: Vec<Written>) -> Message {
    let (fresh, known): (Vec<_>, Vec<_>) =
        written.into_iter().partition(|one| matches!(one, Written::Stored { .. }));
    assert_eq!(fresh.len(), 1, "{known:?}");
    let first = stored(fresh.into_iter().next().unwrap()).0;
    for other in known {
        assert_eq!(duplicate(other), first);
    }
    first
}

async fn what_shares_a_commit_does_not_share_refusals(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let nowhere = Scene { conversation: ConversationId::new(), ..scene.clone() };
    let turn = scene.live_turn().await;
    scene.write_one(ending(&turn, "done")).await;
    let calls = (0..60).map(|number| match number % 3 {
        0 => scene.write_one(Writing::from(scene.message("good"))),
        1 => nowhere.write_one(Writing::from(nowhere.message("lost"))),
        _ => scene.write_one(Writing::from(ending(&turn, "again"))),
    });
    for (number, written) in join_all(calls).await.into_iter().enumerate() {
        match number % 3 {
            0 => drop(stored(written)),
            1 => refused(&written, ErrorCode::ConversationNotFound),
            _ => refused(&written, ErrorCode::Conflict),
        }
    }
    let log = scene.log().await;
    assert_eq!(log.len(), 22);
    scene.assert_log(&log).await;
}

async fn a_caller_that_goes_away_undoes_nothing(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let mut expected = BTreeSet::new();
    for number in 0..50 {
        let name = number.to_string();
        let mut call = Box::pin(scene.write_one(scene.sent(&name, "hello")));
        // Once asked it is on its way; then nobody waits for it any more.
        let _ = futures_util::poll!(&mut call);
        drop(call);
        expected.insert(name);
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let log = scene.log().await;
        let there: BTreeSet<String> = log.iter().filter_map(|message| message.client_id.clone()).collect();
        if there == expected {
            scene.assert_log(&log).await;
            break;
        }
        assert!(std::time::Instant::now() < deadline, "stored: {there:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    scene.store(scene.message("and the store goes on")).await;
}

async fn a_reader_that_goes_away_harms_nothing(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    scene.write((0..200).map(|_| say(scene.message("hello")))).await;
    for micros in 0..200 {
        let _ = tokio::time::timeout(Duration::from_micros(micros), scene.log()).await;
    }
    assert_eq!(scene.log().await.len(), 200);
}

async fn a_read_sees_what_was_written_before_it(subject: &Subject) {
    let here = Scene::new(&subject.store).await;
    let there = here.on(&subject.second().await);
    for number in 1..=50 {
        let (writer, reader) = if number % 2 == 0 { (&here, &there) } else { (&there, &here) };
        let message = writer.store(writer.message("hello")).await;
        assert_eq!(message.seq, number);
        assert_eq!(reader.log().await.pop(), Some(message));
    }
}

async fn a_large_call_is_one_whole(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    let written = scene.write((0..2_000).map(|_| say(scene.message("hello")))).await;
    let messages: Vec<_> = written.into_iter().map(|one| stored(one).0).collect();
    scene.assert_log(&messages).await;
}

suite! {
    sealed too:
    appends_of_many_tasks_and_nodes_stay_gapless
    entries_of_every_kind_share_one_gapless_row_of_seqs
    of_many_resends_at_once_one_is_stored
    of_many_first_messages_at_once_one_makes_a_conversation
    what_shares_a_commit_does_not_share_refusals
    a_caller_that_goes_away_undoes_nothing
    a_reader_that_goes_away_harms_nothing
    a_read_sees_what_was_written_before_it
    a_large_call_is_one_whole
}

/// Writes of callers that wait at the same time are committed together. Gives how many transactions it took.
async fn transactions_of(subject: &Subject, calls: usize) -> u64 {
    let database = subject.database().unwrap();
    let scenes: Vec<Scene> = join_all((0..8).map(|_| Scene::new(&subject.store))).await;
    let before = database.figures();
    let writes = (0..calls).map(|number| {
        let scene = &scenes[number % scenes.len()];
        scene.write_one(scene.message("hello"))
    });
    for written in join_all(writes).await {
        stored(written);
    }
    let after = database.figures();
    assert_eq!(after.writes - before.writes, calls as u64);
    after.transactions - before.transactions
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_commits_waiting_writes_together() {
    let subject = Subject::sqlite().await;
    let transactions = transactions_of(&subject, 600).await;
    assert!(transactions <= 60, "{transactions} transactions");
}

/// The database itself says which transaction made a row.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_commits_waiting_writes_together() {
    let subject = Subject::postgres().await;
    let transactions = transactions_of(&subject, 600).await;
    assert!(transactions <= 60, "{transactions} transactions");
    let url = subject.url().unwrap();
    let client = Server::shared().connect(url.rsplit('/').next().unwrap()).await;
    let row = client.query_one("SELECT count(DISTINCT xmin::text) FROM messages", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0).unsigned_abs(), transactions);
}

/// Text with a NUL cannot be stored in PostgreSQL. The domain lets none through; if one came, it would harm nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_stored_fails_alone() {
    let subject = Subject::postgres().await;
    let scenes: Vec<Scene> = join_all((0..4).map(|_| Scene::new(&subject.store))).await;
    let calls = (0..40_usize).map(|number| {
        let scene = &scenes[number % 4];
        let text = if number == 17 { "nu\0l" } else { "hello" };
        scene.store.write(vec![say(scene.message(text))])
    });
    for (number, result) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(result.is_err(), number == 17, "{number}: {result:?}");
    }
    for (place, scene) in scenes.iter().enumerate() {
        let log = scene.log().await;
        assert_eq!(log.len(), if place == 1 { 9 } else { 10 });
        scene.assert_log(&log).await;
    }
}

/// Turns go on while messages are stored: their checkpoints wait for no conversation.
#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_and_ends_of_two_nodes_do_not_stand_in_each_others_way() {
    let subject = Subject::postgres().await;
    let second: Arc<dyn Store> = subject.second().await;
    let scenes: Vec<Scene> = join_all((0..6).map(|_| Scene::new(&subject.store))).await;
    let tasks = (0..12_usize).map(|number| {
        let scene = scenes[number % 6].on(if number % 2 == 0 { &subject.store } else { &second });
        tokio::spawn(async move {
            for round in 0..10 {
                let turn = scene.live_turn().await;
                let checkpoint = parlor_domain::ports::Checkpoint {
                    turn: turn.id,
                    content: Some(round.to_string()),
                    lease_until: at(20),
                };
                assert_eq!(scene.write_one(checkpoint).await, Written::Done);
                let end = ending(&turn, "done");
                let writes = [Writing::from(scene.message("meanwhile")).0, Writing::from(end).0];
                scene.write(writes).await.into_iter().for_each(|written| drop(stored(written)));
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    for scene in &scenes {
        let log = scene.log().await;
        assert_eq!(log.len(), 2 * 10 * 3);
        scene.assert_log(&log).await;
    }
}
