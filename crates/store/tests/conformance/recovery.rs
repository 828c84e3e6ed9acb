//! What the databases must survive: a restart, broken connections, the end of the server.

use crate::postgres::Server;
use crate::subject::Subject;
use crate::write::{Scene, at, ending, say};
use parlor_domain::message::Message;
use parlor_domain::ports::{Role, Store, Write, Written};
use parlor_store::{Database, Options};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

async fn everything_is_there_after_a_restart(subject: Subject, url: String) {
    let scene = Scene::new(&subject.store).await;
    let ann = subject.store.user_ensure("ann@example.org", Some(Role::Admin), at(0)).await.unwrap();
    scene.store(scene.sent("a", "hello")).await;
    let turn = scene.live_turn().await;
    let checkpoint =
        parlor_domain::ports::Checkpoint { turn: turn.id, content: Some("half".into()), lease_until: at(30) };
    scene.write([Write::TurnCheckpoint(checkpoint)]).await;
    let log = scene.log().await;
    let record = subject.store.conversation_get(scene.conversation).await.unwrap();
    let epoch = subject.store.epoch().await.unwrap();
    let changed = subject.database().unwrap().new_epoch().await.unwrap();
    assert_ne!(changed, epoch);
    subject.database().unwrap().close().await;
    let Scene { user, conversation, node, .. } = scene.clone();
    let kept = subject.forget();
    drop(scene);

    let again: Arc<dyn Store> = Arc::new(Database::open(&url, &Options::default()).await.unwrap());
    let scene = Scene { store: again.clone(), user, conversation, node };
    assert_eq!(scene.log().await, log);
    assert_eq!(again.conversation_get(conversation).await.unwrap(), record);
    assert_eq!(again.user_get(ann.id).await.unwrap(), Some(ann));
    assert_eq!(again.epoch().await.unwrap(), changed);
    let mut end = ending(&turn, "");
    end.from_checkpoint = true;
    let (reply, _) = crate::write::stored(scene.write_one(end).await);
    assert_eq!((reply.content.as_str(), reply.seq), ("half", 3));
    drop(kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_everything() {
    let subject = Subject::sqlite().await;
    let url = subject.url().unwrap();
    everything_is_there_after_a_restart(subject, url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_everything() {
    let subject = Subject::postgres().await;
    let url = subject.url().unwrap();
    everything_is_there_after_a_restart(subject, url).await;
}

/// Sends until the store knows what became of it, as a client does. Gives the message as it was acknowledged.
async fn send_for_sure(scene: &Scene, name: &str) -> Message {
    loop {
        match scene.store.write(vec![say(scene.sent(name, name))]).await {
            Ok(mut written) => match written.remove(0) {
                Written::Stored { message, .. } | Written::Duplicate(message) => return *message,
                other => panic!("{other:?}"),
            },
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Connections are cut again and again while messages are stored: nothing that was acknowledged is lost, nothing is
/// stored twice, and the store goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_survives_cut_connections() {
    let subject = Subject::postgres().await;
    let scenes = [Scene::new(&subject.store).await, Scene::new(&subject.store).await];
    let done = Arc::new(AtomicBool::new(false));
    let killer = tokio::spawn(cut_connections(subject.url().unwrap(), done.clone()));
    let senders: Vec<_> = (0..12_usize)
        .map(|sender| {
            let scene = scenes[sender % 2].clone();
            let done = done.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let name = format!("{sender}-{}", acknowledged.len());
                    acknowledged.push(send_for_sure(&scene, &name).await);
                }
                acknowledged
            })
        })
        .collect();
    let cuts = killer.await.unwrap();
    assert!(cuts > 20, "{cuts} connections were cut");
    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(sender.await.unwrap());
    }
    for scene in &scenes {
        let of_it = acknowledged.iter().filter(|message| message.conversation == scene.conversation);
        let mut expected: Vec<Message> = of_it.cloned().collect();
        expected.sort_by_key(|message| message.seq);
        assert!(expected.len() > 50, "{} messages", expected.len());
        scene.assert_log(&expected).await;
    }
}

async fn cut_connections(url: String, done: Arc<AtomicBool>) -> i64 {
    let client = Server::shared().connect(url.rsplit('/').next().unwrap()).await;
    let mut cuts = 0;
    for round in 0..40 {
        tokio::time::sleep(Duration::from_millis(40 + round % 7 * 15)).await;
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name = 'parlor'";
        cuts += client.query_one(cut, &[]).await.unwrap().get::<_, i64>(0);
    }
    done.store(true, Ordering::Relaxed);
    cuts
}

/// Readers get a connection again too.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_go_on_after_a_cut() {
    let subject = Subject::postgres().await;
    let scene = Scene::new(&subject.store).await;
    let message = scene.store(scene.message("hello")).await;
    let client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    let cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'parlor'";
    client.query(cut, &[]).await.unwrap();
    // A pooled connection that has just been cut may fail once; it is not given out again.
    let mut failures = 0;
    while subject.store.health().await.is_err() {
        failures += 1;
        assert!(failures < 10);
    }
    scene.assert_log(&[message]).await;
}

/// Closing answers everybody: who is told "stored" finds it after the restart, who is told otherwise may send again.
#[tokio::test(flavor = "multi_thread")]
async fn closing_commits_what_waits_and_refuses_what_comes_later() {
    let subject = Subject::sqlite().await;
    let scene = Scene::new(&subject.store).await;
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let scene = scene.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                loop {
                    let name = format!("{sender}-{}", acknowledged.len());
                    match scene.store.write(vec![say(scene.sent(&name, &name))]).await {
                        Ok(mut written) => acknowledged.push(crate::write::stored(written.remove(0)).0),
                        Err(_) => return acknowledged,
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    subject.database().unwrap().close().await;
    let mut expected = Vec::new();
    for sender in senders {
        expected.extend(sender.await.unwrap());
    }
    expected.sort_by_key(|message| message.seq);
    assert!(!expected.is_empty());
    scene.assert_log(&expected).await;
    assert!(subject.store.write(vec![say(scene.message("late"))]).await.is_err());
    let file = subject.url().unwrap().replace("sqlite://", "");
    let rest = std::fs::metadata(format!("{file}-wal")).map_or(0, |file| file.len());
    assert_eq!(rest, 0, "the file alone is whole");
}
