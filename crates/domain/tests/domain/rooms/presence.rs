//! Presence: who is in a room, for those who look at it, and no more often than they can read it.

use super::{Client, ROOM, enter, exit, place};
use crate::client::{pass, settle};
use crate::world::server;
use parlor_domain::room::RoomKind;
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, EventBody, Outgoing};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_millis(250);

async fn presence(client: &Client) -> Vec<String> {
    settle().await;
    let mut lines = client.lines();
    lines.retain(|line| line.starts_with("presence"));
    lines
}

/// Ann looks at a room, and has heard of herself.
async fn ann_looks(server: &TestHub) -> Client {
    let ann = Client::entering(server, "ann", RoomKind::Shared).await;
    pass(INTERVAL).await;
    drop(ann.lines());
    ann
}

/// Protects the others' view of who is there: coming and going is told by a user's first and last connection.
#[tokio::test(start_paused = true)]
async fn coming_and_going_is_told_to_those_who_look() {
    let server = server().await;
    let ann = ann_looks(&server).await;
    let elsewhere = Client::connect(&server, "ann").await;
    let mut bob = Client::entering(&server, "bob", None).await;
    assert_eq!(presence(&ann).await, ["presence +bob"]);
    pass(INTERVAL).await;
    let tab = Client::entering(&server, "bob", None).await;
    drop(tab);
    pass(INTERVAL).await;
    assert!(presence(&ann).await.is_empty(), "bob is still there");
    bob.act(exit()).await;
    assert_eq!(presence(&ann).await, ["presence -bob"]);
    pass(INTERVAL).await;
    let cay = Client::entering(&server, "cay", None).await;
    pass(INTERVAL).await;
    drop(cay);
    pass(INTERVAL).await;
    assert_eq!(presence(&ann).await, ["presence +cay", "presence -cay"]);
    assert!(presence(&elsewhere).await.is_empty(), "that connection does not look at the room");
}

/// Protects a full room from its own traffic: one event an interval, and nothing of who came and went in between.
#[tokio::test(start_paused = true)]
async fn presence_is_batched() {
    let server = server().await;
    let ann = ann_looks(&server).await;
    let mut others = vec![Client::entering(&server, "u0", None).await];
    assert_eq!(presence(&ann).await, ["presence +u0"]);
    for number in 1..50 {
        others.push(Client::entering(&server, &format!("u{number}"), None).await);
    }
    let flighty = Client::entering(&server, "flighty", None).await;
    drop(flighty);
    assert!(presence(&ann).await.is_empty(), "the interval is not over");
    pass(INTERVAL).await;
    let told = presence(&ann).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].matches('+').count(), 49);
    assert!(!told[0].contains("flighty"));
}

/// Protects a slow reader: presence is dropped before anything else is.
#[tokio::test(start_paused = true)]
async fn presence_closes_no_connection() {
    let mut settings = crate::world::unlimited();
    settings.outbox = 8 * 1_024;
    settings.max_text = 1_024;
    let server = TestHub::with(settings).await;
    let ann = Client::entering(&server, "ann", RoomKind::Shared).await;
    for number in 0..200 {
        let visitor = Client::entering(&server, &format!("u{}", number % 20), None).await;
        pass(INTERVAL).await;
        drop(visitor);
        pass(INTERVAL).await;
    }
    assert!(!ann.session.outbox().is_closed());
    assert!(ann.take().len() < 100);
}

/// Protects the name beside the id: typing and presence tell what people are called.
#[tokio::test(start_paused = true)]
async fn events_name_people() {
    let server = server().await;
    let ann = ann_looks(&server).await;
    let mut bob = Client::connect(&server, "bob").await;
    bob.act(enter(None)).await;
    bob.act(Action::Typing { place: place(), is_typing: true }).await;
    settle().await;
    let mut names = Vec::new();
    for item in ann.take() {
        let Outgoing::Event(event) = item else { continue };
        assert_eq!(event.room().unwrap().as_str(), ROOM);
        match event.body() {
            EventBody::Typing { name, .. } => names.push(name.clone().unwrap()),
            EventBody::Presence { changes, .. } => names.push(changes[0].name.clone()),
            _ => {}
        }
    }
    assert_eq!(names, [std::sync::Arc::from("bob"), "bob".into()]);
}
