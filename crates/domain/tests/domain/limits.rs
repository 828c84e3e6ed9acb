//! How many connections, how many frames, and what becomes of who does not listen.

use crate::client::{Client, settle};
use crate::line::refusal_line;
use crate::world::unlimited;
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, Caller, CloseCode, Correlation, ErrorCode, Limits, Quota, Refusal, Settings};
use std::time::Duration;

fn with_limits(change: impl FnOnce(&mut Limits)) -> Settings {
    let mut settings = unlimited();
    change(&mut settings.limits);
    settings
}

async fn identity(server: &TestHub, name: &str) -> Caller {
    let user = server.user(&format!("{name}@example.org")).await;
    server.hub.authenticate(&user.to_string()).await.unwrap()
}

fn frames(requests: u32, seconds: u64) -> Option<Quota> {
    Quota::new(requests, Duration::from_secs(seconds))
}

/// Protects the server from more connections than it is meant for, in all and of one user; a closed one makes room.
#[tokio::test(start_paused = true)]
async fn connections_are_limited_in_all_and_for_each_user() {
    let settings = with_limits(|limits| {
        limits.connections = Some(4);
        limits.connections_per_user = Some(2);
    });
    let server = TestHub::with(settings).await;
    let [ann, bob, cay] =
        [identity(&server, "ann").await, identity(&server, "bob").await, identity(&server, "cay").await];
    let connect = |who: &Caller| server.hub.connect(who);
    let first = connect(&ann).unwrap();
    let second = connect(&ann).unwrap();
    assert_eq!(connect(&ann).err().unwrap().code, ErrorCode::TooManyConnections);
    let _others = [connect(&bob).unwrap(), connect(&bob).unwrap()];
    assert_eq!(connect(&cay).err().unwrap().code, ErrorCode::TooManyConnections);
    assert_eq!(server.hub.figures().connections, 4);
    drop(first);
    assert_eq!(server.hub.figures().connections, 3);
    let third = connect(&cay).unwrap();
    drop(second);
    connect(&ann).unwrap();
    assert_ne!(third.connection(), connect(&ann).unwrap().connection());
}

/// Protects the server from a client that asks too fast, and tells it the whole seconds after which it may go on.
#[tokio::test(start_paused = true)]
async fn frames_of_a_connection_are_limited() {
    let server = TestHub::with(with_limits(|limits| limits.frames = frames(3, 10))).await;
    let mut ann = Client::connect(&server, "ann").await;
    for _ in 0..5 {
        ann.act(Action::Heads).await;
    }
    let heads = "heads []";
    let refused = "refused RATE_LIMIT for 4 s"; // a third of ten seconds, rounded up
    assert_eq!(ann.lines(), [heads, heads, heads, refused, refused]);
    let mut tab = Client::connect(&server, "ann").await;
    tab.act(Action::Heads).await;
    assert_eq!(tab.lines(), [heads], "each connection has a limit of its own");

    server.clock.advance(Duration::from_millis(3_300));
    ann.act(Action::Heads).await;
    assert_eq!(ann.lines(), ["refused RATE_LIMIT for 1 s"], "never zero: that would be no wait");
    server.clock.advance(Duration::from_millis(100));
    ann.act(Action::Heads).await;
    ann.act(Action::Heads).await;
    assert_eq!(ann.lines()[0], heads);
    server.clock.advance(Duration::from_secs(60));
    for _ in 0..4 {
        ann.act(Action::Heads).await;
    }
    assert_eq!(ann.lines(), [heads, heads, heads, refused], "the whole quota is back, and no more");
}

/// Protects the limit from what is no command: pings and frames that nobody understands count too.
#[tokio::test(start_paused = true)]
async fn every_frame_counts() {
    let server = TestHub::with(with_limits(|limits| limits.frames = frames(2, 10))).await;
    let mut ann = Client::connect(&server, "ann").await;
    ann.session.count();
    ann.session.reject(Correlation::default(), Refusal::of(ErrorCode::UnknownType));
    ann.session.reject(Correlation::default(), Refusal::of(ErrorCode::UnknownType));
    ann.session.count();
    let limit = "refused RATE_LIMIT for 5 s";
    assert_eq!(ann.lines(), ["refused UNKNOWN_TYPE", limit, limit]);
}

/// Protects the server from a user with many connections: their frames count together where that is set.
#[tokio::test(start_paused = true)]
async fn frames_of_a_user_are_limited_over_all_connections() {
    let server = TestHub::with(with_limits(|limits| limits.user_frames = frames(3, 60))).await;
    let mut ann = Client::connect(&server, "ann").await;
    let mut tab = Client::connect(&server, "ann").await;
    let mut bob = Client::connect(&server, "bob").await;
    ann.act(Action::Heads).await;
    tab.act(Action::Heads).await;
    for client in [&mut ann, &mut tab, &mut bob] {
        client.act(Action::Heads).await;
    }
    assert_eq!(ann.lines(), ["heads []"; 2]);
    assert_eq!(tab.lines(), ["heads []", "refused RATE_LIMIT for 20 s"]);
    assert_eq!(bob.lines(), ["heads []"]);
    drop((ann, tab));
    let mut again = Client::connect(&server, "ann").await;
    again.act(Action::Heads).await;
    assert_eq!(again.lines(), ["refused RATE_LIMIT for 20 s"], "a new connection does not forget");
    tokio::time::sleep(Duration::from_secs(6)).await; // rested users are forgotten meanwhile, and only those
    again.act(Action::Heads).await;
    assert_eq!(again.lines(), ["refused RATE_LIMIT for 20 s"]);
    server.clock.advance(Duration::from_secs(20));
    again.act(Action::Heads).await;
    assert_eq!(again.lines(), ["heads []"]);
}

/// Protects the server from who does not listen: so many refusals in one window end the connection; a new window
/// counts anew.
#[tokio::test(start_paused = true)]
async fn flooding_ends_the_connection() {
    let settings = with_limits(|limits| {
        limits.frames = frames(1, 60);
        limits.flooding = Some(10);
    });
    let server = TestHub::with(settings).await;
    let mut ann = Client::connect(&server, "ann").await;
    for _ in 0..10 {
        ann.act(Action::Heads).await;
    }
    settle().await;
    assert!(!ann.session.outbox().is_closed(), "nine refusals");
    server.clock.advance(Duration::from_secs(61));
    for _ in 0..10 {
        ann.act(Action::Heads).await;
    }
    assert!(!ann.session.outbox().is_closed(), "nine in this window");
    ann.act(Action::Heads).await;
    assert!(ann.session.outbox().is_closed());
    assert_eq!(ann.close().unwrap().code, CloseCode::Flooding);
    ann.act(Action::Heads).await;
    assert!(ann.take().is_empty());
}

/// Protects the words of the settings: zero means no limit.
#[test]
fn a_quota_of_nothing_is_none() {
    assert_eq!(Quota::new(0, Duration::from_secs(1)), None);
    assert_eq!(Quota::new(1, Duration::ZERO), None);
    assert_eq!(
        refusal_line(&Refusal::retry_after(ErrorCode::RateLimit, Duration::ZERO)),
        "refused RATE_LIMIT for 1 s"
    );
    let wait = Duration::from_millis(2_001);
    assert_eq!(refusal_line(&Refusal::retry_after(ErrorCode::RateLimit, wait)), "refused RATE_LIMIT for 3 s");
}
