//! What a worker says of itself from time to time, and how it notices that nobody listens.

use parlor_protocol::broker::{AiStatus, OPERATIONAL, WorkerFrame};
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Between two words of its own.
pub(crate) const PERIOD: Duration = Duration::from_secs(15);
/// How long the server may be silent, although every word of ours is answered: it is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// The status of a worker that finishes what it has.
const DRAINING: &str = "draining";

/// Counts the time of one connection.
pub(crate) struct Heartbeat {
    ticks: Interval,
    heard: Instant,
}

impl Heartbeat {
    pub(crate) fn new() -> Self {
        let heard = Instant::now();
        let mut ticks = interval_at(heard + PERIOD, PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, heard }
    }

    /// The server has said something.
    pub(crate) fn hear(&mut self) {
        self.heard = Instant::now();
    }

    /// Waits for the next time to speak. Whether there is still somebody to speak to.
    pub(crate) async fn tick(&mut self) -> bool {
        let now = self.ticks.tick().await;
        now.saturating_duration_since(self.heard) < SILENCE
    }
}

/// `ai_status` of a worker that has `len` replies of `capacity`, and is `age` old.
pub(crate) fn status(draining: bool, len: usize, capacity: u32, age: Duration) -> WorkerFrame {
    WorkerFrame::AiStatus(AiStatus {
        status: if draining { DRAINING } else { OPERATIONAL }.to_owned(),
        queue_size: Some(u32::try_from(len).unwrap_or(u32::MAX)),
        processing_capacity: Some(capacity),
        uptime: Some(uptime(age).into()),
    })
}

/// In hours and minutes, and in seconds while there are few.
fn uptime(age: Duration) -> String {
    let seconds = age.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m"),
        (hours, minutes) => format!("{hours}h {minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_hours_and_minutes() {
        for (seconds, expect) in [(0, "0s"), (59, "59s"), (60, "1m"), (8_100, "2h 15m"), (360_000, "100h 0m")]
        {
            assert_eq!(uptime(Duration::from_secs(seconds)), expect);
        }
    }
}
