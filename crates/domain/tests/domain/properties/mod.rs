//! What holds whatever happens: random interleavings on a current-thread runtime whose time is paused, so that each
//! case is the same whenever it is run again.

mod log;
mod resend;
mod resume;
mod rooms;

use crate::slow_store::Delays;
use parlor_domain::testing::{MemoryStore, WriteFault};
use proptest::prelude::*;
use std::time::Duration;

/// Runs one case to its end.
fn run(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(case);
}

/// So many cases, or as many as `PROPTEST_CASES` says.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { default } else { ProptestConfig { cases, ..default } }
}

/// What the store does to everybody.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Hold,
    Release,
    Fail(WriteFault),
}

impl Trouble {
    fn strike(self, store: &MemoryStore) {
        match self {
            Self::Hold => store.hold_writes(),
            Self::Release => store.release_writes(),
            Self::Fail(fault) => store.fail_next_writes(1, fault),
        }
    }
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        1 => Just(Trouble::Hold),
        2 => Just(Trouble::Release),
        1 => Just(Trouble::Fail(WriteFault::BeforeCommit)),
        1 => Just(Trouble::Fail(WriteFault::AfterCommit)),
    ]
}

/// A store at hand, one whose answers take some milliseconds, or one that takes longer than writes rest after a failure.
fn delays() -> impl Strategy<Value = Delays> {
    let ms = || (0..30_u64).prop_map(Duration::from_millis);
    let slow = (ms(), ms(), ms()).prop_map(|(read, commit, answer)| Delays { read, commit, answer });
    let late = |answer| Delays { answer: Duration::from_millis(answer), ..Delays::default() };
    prop_oneof![Just(Delays::default()), slow, (400..700_u64).prop_map(late)]
}
