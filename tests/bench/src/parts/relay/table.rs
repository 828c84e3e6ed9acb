//! The figures of the three ways beside each other.

use crate::report::{Bound, Figures, Measure, Row};

pub(super) const CHUNK_P50: Measure = Measure::new("chunk to client p50", "µs");
pub(super) const CHUNK_P99: Measure = Measure::new("chunk to client p99", "µs");
pub(super) const FIRST_P50: Measure = Measure::new("first token p50", "ms");
pub(super) const FIRST_P99: Measure = Measure::new("first token p99", "ms");
pub(super) const CPU: Measure = Measure::new("server CPU a chunk", "µs");

/// What a client sees, and what the server adds to it.
const ADDED: [(Measure, Measure); 4] = [
    (CHUNK_P50, Measure::new("added a chunk p50", "µs")),
    (CHUNK_P99, Measure::new("added a chunk p99", "µs")),
    (FIRST_P50, Measure::new("added to the first token p50", "ms")),
    (FIRST_P99, Measure::new("added to the first token p99", "ms")),
];

/// What a provider behind the server may cost.
fn goal_of_provider(measure: Measure) -> Measure {
    match measure.name {
        name if name == CPU.name => measure.value(Bound::AtMost(20.0)),
        "added a chunk p99" => measure.value(Bound::AtMost(300.0)),
        "added to the first token p50" => measure.value(Bound::AtMost(1.0)),
        _ => measure,
    }
}

/// A worker may cost no more than a provider.
fn goal_of_worker(measure: Measure) -> Measure {
    measure.ratio(Bound::AtMost(1.0))
}

/// The provider behind the server beside the client's own reading of it.
pub(super) fn provider_rows(case: &str, direct: &Figures, provider: &Figures) -> Vec<Row> {
    let case = format!("{case}, provider");
    let row = |measure, parlor, reference| Row { case: case.clone(), measure, parlor, reference };
    let mut rows = Vec::new();
    for (seen, added) in ADDED {
        rows.push(row(seen, find(provider, seen), find(direct, seen)));
        let added_by = difference(provider, direct, seen);
        rows.extend(added_by.map(|by| row(goal_of_provider(added), Some(by), None)));
    }
    rows.extend(find(provider, CPU).map(|cpu| row(goal_of_provider(CPU), Some(cpu), None)));
    rows
}

/// The worker beside the provider, both behind the server: what each way adds, and what it costs.
pub(super) fn worker_rows(case: &str, direct: &Figures, provider: &Figures, worker: &Figures) -> Vec<Row> {
    let case = format!("{case}, worker beside provider");
    let row = |measure, parlor, reference| {
        let measure = goal_of_worker(measure);
        Row { case: case.clone(), measure, parlor: Some(parlor), reference }
    };
    let mut rows = Vec::new();
    for (seen, added) in ADDED {
        let by_provider = difference(provider, direct, seen);
        rows.extend(difference(worker, direct, seen).map(|by| row(added, by, by_provider)));
    }
    rows.extend(find(worker, CPU).map(|cpu| row(CPU, cpu, find(provider, CPU))));
    rows
}

fn find(figures: &Figures, measure: Measure) -> Option<f64> {
    figures.iter().find(|(known, _)| known.name == measure.name).map(|(_, value)| *value)
}

fn difference(figures: &Figures, direct: &Figures, measure: Measure) -> Option<f64> {
    Some(find(figures, measure)? - find(direct, measure)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(chunk: f64, cpu: f64) -> Figures {
        vec![(CHUNK_P50, chunk), (CPU, cpu)]
    }

    fn cells(rows: &[Row]) -> Vec<(&str, Option<f64>, Option<f64>)> {
        let full = rows.iter().filter(|row| row.parlor.is_some());
        full.map(|row| (row.measure.name, row.parlor, row.reference)).collect()
    }

    /// Protects what the table claims: what is added is over the direct way, for the worker as for the provider.
    #[test]
    fn what_is_added_is_over_the_direct_way() {
        let (direct, provider, worker) = (run(100.0, 0.0), run(300.0, 60.0), run(250.0, 40.0));
        let rows = provider_rows("c", &direct, &provider);
        assert_eq!(
            cells(&rows),
            [
                ("chunk to client p50", Some(300.0), Some(100.0)),
                ("added a chunk p50", Some(200.0), None),
                ("server CPU a chunk", Some(60.0), None),
            ]
        );
        let rows = worker_rows("c", &direct, &provider, &worker);
        assert_eq!(
            cells(&rows),
            [("added a chunk p50", Some(150.0), Some(200.0)), ("server CPU a chunk", Some(40.0), Some(60.0))]
        );
    }

    /// Protects a run without the server: the direct way alone is shown.
    #[test]
    fn without_the_server_only_the_direct_way_is_there() {
        let direct = run(100.0, 0.0);
        assert!(provider_rows("c", &direct, &Vec::new()).iter().all(|row| row.parlor.is_none()));
        assert!(worker_rows("c", &direct, &Vec::new(), &Vec::new()).is_empty());
    }
}
