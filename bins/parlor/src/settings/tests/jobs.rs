//! Work in the background.

use super::*;

/// Protects jobs: what the operator sets is what the domain gets, and 0 means what its words say.
#[test]
fn what_is_set_of_jobs_reaches_the_domain() {
    let jobs = |world: World| crate::wiring::domain_settings(&world.settings()).jobs;
    let chosen = World::new()
        .variable("JOB_WORKERS", "9")
        .variable("JOB_QUEUE_LIMIT", "8")
        .variable("JOB_ATTEMPTS", "7")
        .variable("JOB_RETENTION", "6d");
    let chosen = jobs(chosen);
    assert_eq!((chosen.workers, chosen.queued, chosen.retries.rounds), (9, Some(8), 7));
    assert_eq!(chosen.kept, Some(Duration::from_hours(6 * 24)));
    let none = World::new()
        .variable("JOB_WORKERS", "0")
        .variable("JOB_QUEUE_LIMIT", "0")
        .variable("JOB_RETENTION", "0");
    let none = jobs(none);
    assert_eq!((none.workers, none.queued, none.kept), (0, None, None));
    assert!(World::new().variable("JOB_ATTEMPTS", "0").problem().contains("JOB_ATTEMPTS"));
}
