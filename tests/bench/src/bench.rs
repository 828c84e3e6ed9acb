//! One case, run against the server and against the reference in turn, several times over: the table's rows are the
//! medians.

use crate::Result;
use crate::figures::median;
use crate::report::{Figures, Row};
use crate::subject::{self, Data, Kind, Parlor, Subject};
use std::time::Duration;
use tokio::time::timeout;

/// How long one run of one case may take, set-up included.
const RUN_LIMIT: Duration = Duration::from_mins(3);

/// What all parts share.
pub(crate) struct Bench {
    /// The server; none where only the references run.
    pub(crate) parlor: Option<Parlor>,
    /// Small sizes and short times, to see that everything works.
    pub(crate) quick: bool,
    /// What stands in the names of the cases to run; none runs them all.
    pub(crate) only: Option<String>,
    /// How often each case is run.
    pub(crate) rounds: usize,
    /// How long each run measures.
    pub(crate) window: Duration,
}

impl Bench {
    /// How long a load runs before it is measured.
    pub(crate) fn warm_up(&self) -> Duration {
        self.window / 4
    }

    /// One of two sizes.
    pub(crate) fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// Starts a server of `kind`, lets `work` use it, and ends it. Where the work fails, the error tells what the
    /// server had to say.
    pub(crate) async fn with(
        &self,
        kind: Kind,
        environment: &[(&str, String)],
        work: impl AsyncFn(&Subject) -> Result<Figures>,
    ) -> Result<Figures> {
        let subject = self.start(kind, environment, Data::Users).await?;
        match timeout(RUN_LIMIT, work(&subject)).await {
            Ok(Ok(figures)) => Ok(figures),
            Ok(Err(error)) => Err(format!("{error}\n{}", subject.process.log_tail()).into()),
            Err(_) => Err(format!("not done within {RUN_LIMIT:?}\n{}", subject.process.log_tail()).into()),
        }
    }

    /// Starts a server of `kind`. Only Parlor looks at `data`.
    pub(crate) async fn start(
        &self,
        kind: Kind,
        environment: &[(&str, String)],
        data: Data<'_>,
    ) -> Result<Subject> {
        match (kind, &self.parlor) {
            (Kind::Bare, _) => subject::start_bare(environment, false).await,
            (Kind::BareDurable, _) => subject::start_bare(environment, true).await,
            (Kind::Parlor, Some(parlor)) => parlor.start(environment, data).await,
            (Kind::Parlor, None) => Err("the server is not to be run".into()),
        }
    }

    /// Whether a case is to be run.
    pub(crate) fn wants(&self, case: &str) -> bool {
        self.only.as_deref().is_none_or(|only| case.contains(only))
    }

    /// Runs a case in turn against the reference and Parlor, `rounds` times, and takes the medians. Nothing comes of
    /// a case that is not wanted.
    pub(crate) async fn side_by_side(
        &self,
        case: &str,
        rounds: usize,
        reference: Kind,
        run: impl AsyncFn(Kind) -> Result<Figures>,
    ) -> Result<Vec<Row>> {
        if !self.wants(case) {
            return Ok(Vec::new());
        }
        let mut references = Vec::new();
        let mut parlors = Vec::new();
        for round in 1..=rounds {
            eprintln!("{case}: round {round} of {rounds}");
            references.push(run(reference).await.map_err(|error| format!("{case}, {reference:?}: {error}"))?);
            if self.parlor.is_some() {
                parlors.push(run(Kind::Parlor).await.map_err(|error| format!("{case}, Parlor: {error}"))?);
            }
        }
        Ok(rows(case, &medians(&parlors), &medians(&references)))
    }
}

/// Puts the figures of both sides beside each other by their names, in Parlor's order.
pub(crate) fn rows(case: &str, parlor: &Figures, reference: &Figures) -> Vec<Row> {
    let find =
        |figures: &Figures, name| figures.iter().find(|(m, _)| m.name == name).map(|(_, value)| *value);
    let mut measures: Vec<_> = parlor.iter().map(|(measure, _)| *measure).collect();
    for (measure, _) in reference {
        if !measures.iter().any(|known| known.name == measure.name) {
            measures.push(*measure);
        }
    }
    let row = |measure: crate::report::Measure| Row {
        case: case.to_owned(),
        measure,
        parlor: find(parlor, measure.name),
        reference: find(reference, measure.name),
    };
    measures.into_iter().map(row).collect()
}

/// The median of each figure over the runs.
pub(crate) fn medians(runs: &[Figures]) -> Figures {
    let Some(first) = runs.first() else { return Vec::new() };
    let at = |index: usize| {
        let mut values: Vec<f64> = runs.iter().filter_map(|run| Some(run.get(index)?.1)).collect();
        median(&mut values)
    };
    first.iter().enumerate().map(|(index, (measure, _))| (*measure, at(index))).collect()
}
