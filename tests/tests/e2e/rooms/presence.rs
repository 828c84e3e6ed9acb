//! Who is there.

use parlor_tests::client::id;
use parlor_tests::{PATIENCE, Rooms, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a frame tells: each change, once.
fn changes(frame: &Value) -> Vec<(String, String)> {
    let data = &frame["data"];
    let change = |it: &Value| (id(&it["user_id"]), id(&it["status"]));
    match data["changes"].as_array() {
        Some(all) => {
            assert_eq!(change(&all[0]), change(data), "the first also stands flat: {frame}");
            all.iter().map(change).collect()
        }
        None => vec![change(data)],
    }
}

/// Protects: the others are told who comes and goes, by joining, leaving or a lost connection; a second tab is no
/// news.
#[tokio::test(flavor = "multi_thread")]
async fn coming_and_going_is_told() {
    let app = TestApp::start().await;
    let token = app.token("bob@example.org");
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("hall", "shared").await;
    let mut bob = app.rooms(&token).await;
    let joined = bob.enter("hall", "shared").await;
    assert_eq!(joined["online"].as_array().unwrap().len(), 2);
    let came = ann.until("presence").await;
    assert_eq!(came["data"]["username"], "bob");
    assert_eq!(changes(&came), [(bob.user.clone(), "online".to_owned())]);
    assert_eq!(came["room_id"], "hall");
    let mut tab = app.rooms(&token).await;
    tab.enter("hall", "shared").await;
    let user = bob.user.clone();
    drop(bob);
    tab.say("hall", "still here").await;
    // The room's own order: what presence there was to tell of the tabs came before this.
    ann.message().await;
    drop(tab);
    assert_eq!(changes(&ann.until("presence").await), [(user, "offline".to_owned())]);
}

/// Protects: a room where many come and go tells it four times a second at most, and what it tells is right in the end.
#[tokio::test(flavor = "multi_thread")]
async fn presence_comes_in_batches() {
    const PEOPLE: usize = 12;
    let app = TestApp::builder().without_limits().start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("hall", "shared").await;
    let tokens: Vec<String> = (0..PEOPLE).map(|it| app.token(&format!("p{it}@example.org"))).collect();
    let start = Instant::now();
    let churn = async {
        let mut here = Vec::new();
        for round in 0..5 {
            for token in &tokens {
                let mut person = app.rooms(token).await;
                person.enter("hall", "shared").await;
                here.push(person);
            }
            if round < 4 {
                here.clear();
            }
        }
        here
    };
    let (mut online, mut frames) = (BTreeMap::new(), 0_u32);
    let mut note = |frame: &Value, frames: &mut u32| {
        if frame["type"] == "presence" {
            *frames += 1;
            online.extend(changes(frame));
        }
        online.values().filter(|status| *status == "online").count()
    };
    let here: Vec<Rooms> = {
        tokio::pin!(churn);
        loop {
            tokio::select! {
                here = &mut churn => break here,
                frame = ann.frame() => { note(&frame, &mut frames); }
            }
        }
    };
    while note(&json!({}), &mut frames) < PEOPLE {
        assert!(start.elapsed() < PATIENCE, "not all are told to be here");
        let frame = ann.frame().await;
        note(&frame, &mut frames);
    }
    let most = u32::try_from(start.elapsed().as_millis() / 250).unwrap() + 1;
    assert!((1..=most).contains(&frames), "{frames} frames in {:?}", start.elapsed());
    drop(here);
    while note(&json!({}), &mut frames) > 0 {
        assert!(start.elapsed() < PATIENCE + Duration::from_secs(10), "not all are told to be gone");
        let frame = ann.frame().await;
        note(&frame, &mut frames);
    }
}
