//! What came while nobody was there: given to the next connection, once it is proved never again.

use super::{Client, add, edit, enter, forget};
use crate::client::settle;
use crate::slow_store::{Delays, slow_server};
use crate::world::{server, unlimited};
use parlor_domain::room::RoomKind;
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, Settings};
use std::time::Duration;

/// Ann and Bob share a room; Bob has got all there is, and goes.
async fn bob_goes(server: &TestHub) -> (Client, parlor_domain::ConversationId) {
    let mut ann = Client::entering(server, "ann", RoomKind::Shared).await;
    let bob = Client::entering(server, "bob", None).await;
    let conversation = super::conversation(server).await;
    ann.note(conversation, "seen").await;
    forget(&[&ann, &bob]).await;
    bob.session.closed();
    drop(bob);
    settle().await;
    (ann, conversation)
}

async fn sync(server: &TestHub) -> (Client, Vec<String>) {
    let mut bob = Client::connect(server, "bob").await;
    let lines = bob.does(Action::Sync).await;
    (bob, lines)
}

/// Protects messages to who is away: they come with the next connection, in order, and again until they are proved.
#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_until_it_is_proved() {
    let server = server().await;
    let (mut ann, conversation) = bob_goes(&server).await;
    assert_eq!(sync(&server).await.1, ["synced"], "nothing was missed");
    ann.note(conversation, "two").await;
    settle().await;
    let first = ann.entries()[0].id;
    ann.does(edit(first, "zwei")).await;
    ann.note(conversation, "four").await;
    settle().await;
    let all = ["replayed 2 zwei", "replayed 4 four", "synced"];
    assert_eq!(sync(&server).await.1, all);
    let (bob, lines) = sync(&server).await;
    assert_eq!(lines, all, "the connection before was lost");
    bob.session.closed();
    drop(bob);
    settle().await;
    assert_eq!(sync(&server).await.1, ["synced"]);
    ann.does(edit(first, "deux")).await;
    assert_eq!(sync(&server).await.1, ["replayed 5 of 2 deux", "synced"]);
}

/// Protects who comes while something is said: between a connection's beginning and its replay nothing comes by itself, which
/// the replay would have again.
#[tokio::test(start_paused = true)]
async fn what_is_said_before_the_replay_comes_once() {
    let server = server().await;
    let (mut ann, conversation) = bob_goes(&server).await;
    let token = server.user("bob@example.org").await.to_string();
    let caller = server.hub.authenticate(&token).await.unwrap();
    let mut bob = Client { session: server.hub.connect_to_catch_up(&caller).unwrap() };
    ann.note(conversation, "two").await;
    settle().await;
    assert_eq!(bob.does(Action::Sync).await, ["replayed 2 two", "synced"]);
    ann.note(conversation, "three").await;
    settle().await;
    assert_eq!(bob.lines().len(), 1, "and what comes later comes by itself");
}

/// Protects who joins late: they get what came since they became a member, not what came before.
#[tokio::test(start_paused = true)]
async fn a_new_member_gets_what_came_since() {
    let server = server().await;
    let mut ann = Client::entering(&server, "ann", RoomKind::Group).await;
    let conversation = super::conversation(&server).await;
    ann.note(conversation, "before").await;
    let bob = server.user("bob@example.org").await;
    ann.does(add(bob, None)).await;
    ann.note(conversation, "after").await;
    settle().await;
    assert_eq!(sync(&server).await.1, ["replayed 2 after", "synced"]);
}

/// Protects a client from a flood: what is too much is named, and its history loaded.
#[tokio::test(start_paused = true)]
async fn too_much_is_named_and_not_sent() {
    let server = TestHub::with(Settings { resume_max: 3, ..unlimited() }).await;
    let (mut ann, conversation) = bob_goes(&server).await;
    for number in 0..4 {
        ann.note(conversation, &number.to_string()).await;
    }
    settle().await;
    assert_eq!(sync(&server).await.1, ["synced but for 1"]);
}

/// Protects the order: what comes while a connection still gets what it missed comes behind that, and once.
#[tokio::test(start_paused = true)]
async fn what_comes_meanwhile_comes_after() {
    for delay in 0..12_u64 {
        let delays = Delays { read: Duration::from_millis(4), ..Delays::default() };
        let server = slow_server(delays, unlimited()).await;
        let (mut ann, conversation) = bob_goes(&server).await;
        ann.note(conversation, "two").await;
        settle().await;
        let mut bob = Client::connect(&server, "bob").await;
        let meanwhile = async {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            ann.note(conversation, "three").await;
        };
        tokio::join!(bob.act(Action::Sync), meanwhile);
        bob.act(enter(None)).await;
        ann.note(conversation, "four").await;
        let lines = bob.calm().await;
        let seqs: Vec<_> = bob_seqs(&lines);
        assert_eq!(seqs, [2, 3, 4], "{delay}: {lines:?}");
    }
}

/// The seqs of the entries among `lines`.
fn bob_seqs(lines: &[String]) -> Vec<u64> {
    let entry = |line: &String| {
        let (word, rest) = line.split_once(' ')?;
        let is_entry = ["replayed", "elsewhere", "message"].contains(&word);
        if is_entry { rest.split(' ').next()?.parse().ok() } else { None }
    };
    lines.iter().filter_map(entry).collect()
}

/// Protects a client that is about to resume: nothing outruns what it missed, and what came meanwhile comes once. One
/// that does not resume after all gets everything with its next frame, or with its first sign of life.
#[tokio::test(start_paused = true)]
async fn nothing_outruns_a_resume() {
    let server = server().await;
    let (mut ann, conversation) = bob_goes(&server).await;
    let mut plain = Client::connect(&server, "bob").await;
    let mut resuming = Client::connect(&server, "bob").await;
    let mut silent = Client::connect(&server, "bob").await;
    for client in [&mut resuming, &mut plain, &mut silent] {
        client.session.perform(hold()).await;
    }
    ann.note(conversation, "two").await;
    assert!(
        resuming.calm().await.is_empty() && plain.calm().await.is_empty() && silent.calm().await.is_empty()
    );
    resuming.resume(conversation, 1).await;
    assert_eq!(resuming.calm().await, ["missed 2 two", "resumed 1..2"]);
    assert_eq!(plain.does(Action::Heads).await, ["elsewhere 2 two", "heads []"]);
    silent.session.answered(1);
    assert_eq!(silent.calm().await, ["elsewhere 2 two"]);
    ann.note(conversation, "three").await;
    assert_eq!(resuming.calm().await, ["message 3 three"]);
    assert_eq!(plain.calm().await, ["elsewhere 3 three"]);
}

fn hold() -> parlor_domain::Command {
    parlor_domain::Command { action: Action::Hold, correlation: parlor_domain::Correlation::default() }
}
