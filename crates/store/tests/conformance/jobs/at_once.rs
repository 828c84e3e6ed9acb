//! Many at once, on two nodes where there can be two.

use super::{HOUR, JobOutcome, JobWrite, JobWritten, NewJob, Queue, SystemClock, job, vector};
use crate::subject::{Subject, suite};
use parlor_domain::JobId;
use parlor_domain::ports::{Clock, JobCounts};
use std::collections::HashMap;
use std::time::Duration;

/// Claims and does jobs until there are none; gives which, in the order in which this one had them.
async fn drain(queue: Queue) -> Vec<JobId> {
    let (mut done, mut nothing) = (Vec::new(), 0);
    while nothing < 20 {
        let claimed = queue.claim(2).await;
        nothing = if claimed.is_empty() { nothing + 1 } else { 0 };
        if claimed.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for (lease, _) in claimed {
            assert!(matches!(
                queue.settle(lease, JobOutcome::Completed(vector())).await,
                JobWritten::Settled(_)
            ));
            done.push(lease.job);
        }
    }
    done
}

/// Protects "once": however many claim at the same time and wherever, no two get the same job, and none is left.
async fn no_two_get_the_same_job(subject: &Subject) {
    let [here, there] = subject.nodes().await;
    let queues = [Queue::on(&here.store), Queue::on(&there.store)];
    let mut jobs = Vec::new();
    for name in ["ann", "bob", "eve"] {
        let user = queues[0].user(name).await;
        jobs.extend(queues[0].fill(user, &["x"; 20]).await);
    }
    let runners: Vec<_> = (0..6).map(|number| tokio::spawn(drain(queues[number % 2].clone()))).collect();
    let mut done = Vec::new();
    for runner in runners {
        done.extend(runner.await.unwrap());
    }
    done.sort();
    jobs.sort();
    assert_eq!(done, jobs);
}

/// Protects the limit and the names: they hold however many come at once, and nothing waits in a circle.
async fn who_comes_at_once_is_counted(subject: &Subject) {
    let [here, there] = subject.nodes().await;
    let queues = [Queue::on(&here.store), Queue::on(&there.store)];
    let users = [queues[0].user("ann").await, queues[0].user("bob").await];
    let tasks: Vec<_> = (0..12)
        .map(|number| {
            let (queue, named) = (queues[number % 2].clone(), format!("name {}", number % 4));
            // In either order, so that two of them hold the same queues the other way round.
            let order = if number % 2 == 0 { [0, 1] } else { [1, 0] };
            let enqueue = move |user| {
                let job = NewJob { client_id: Some(named.clone()), ..job(user, &named) };
                JobWrite::Enqueue { job, limit: 3 }
            };
            let writes = order.map(|index| enqueue(users[index])).to_vec();
            tokio::spawn(async move { queue.store.job_write(SystemClock.now(), writes).await.unwrap() })
        })
        .collect();
    let mut kept: HashMap<JobId, usize> = HashMap::new();
    for task in tasks {
        for written in task.await.unwrap() {
            match written {
                JobWritten::Enqueued { job, .. } => *kept.entry(job.id).or_default() += 1,
                JobWritten::Full => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(kept.len(), 6, "three of each");
    let counts = queues[0].store.job_counts().await.unwrap();
    assert_eq!(counts, JobCounts { waiting: 6, ..JobCounts::default() });
}

/// Protects a job that is cancelled just as it is done: it is one or the other, and both are told the same.
async fn a_job_ends_once(subject: &Subject) {
    let [here, there] = subject.nodes().await;
    let queues = [Queue::on(&here.store), Queue::on(&there.store)];
    let ann = queues[0].user("ann").await;
    for _ in 0..20 {
        let id = queues[0].fill(ann, &["x"]).await[0];
        let (lease, _) = queues[0].claim_for(1, HOUR).await[0];
        let (settled, cancelled) = tokio::join!(
            queues[0].settle(lease, JobOutcome::Completed(vector())),
            queues[1].write(JobWrite::Cancel { job: id, user: ann }),
        );
        let JobWritten::Cancelled { job: Some(job), changed } = cancelled else { panic!("it is gone") };
        assert_eq!(changed, matches!(settled, JobWritten::Lost { .. }), "{settled:?}");
        assert_eq!(queues[0].get(ann, id).await.entry.state, job.state);
    }
}

suite! {
    no_two_get_the_same_job
    who_comes_at_once_is_counted
    a_job_ends_once
}
