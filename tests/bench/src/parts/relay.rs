//! How much later does a client see a token because the server stands between it and who makes the token?
//!
//! Three ways side by side, at the same rate, in turn: a client reads a provider itself; through the server with that
//! provider behind it; and through the server with a worker, which makes the same tokens. Whoever makes a token writes
//! the moment into it, on the client's own clock.

mod client;
mod load;
mod table;

use crate::Result;
use crate::bench::{Bench, medians};
use crate::place::Place;
use crate::provider::Provider;
use crate::report::{Figures, Row};
use crate::subject::{Kind, Subject};
use crate::worker::Worker;
use client::Client;
use load::Shape;
use std::time::Duration;

/// Users of the server: the streams share all but the last one, who asks for first tokens.
pub(crate) const USERS: usize = 65;
/// More tokens than all streams together have, so that each turn reserves and none is refused.
const BUDGET: &str = "1000000000000";
/// What lets the worker in.
const KEY: &str = "bench-bench-bench-bench-bench";

/// Whom the clients' tokens come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The provider itself.
    Direct,
    /// The server, which asks the provider.
    Provider,
    /// The server, to which a worker has connected.
    Worker,
}

/// What the runs of one case gave, by way.
#[derive(Default)]
struct Runs {
    direct: Vec<Figures>,
    provider: Vec<Figures>,
    worker: Vec<Figures>,
}

/// Runs all shapes.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Row>> {
    let provider = Provider::start()?;
    let mut rows = Vec::new();
    for (streams, tokens_a_second) in [(1, 50), (bench.size(64, 4), 20), (bench.size(512, 8), 10)] {
        let plural = if streams == 1 { "" } else { "s" };
        let case = format!("relay: {streams} stream{plural} × {tokens_a_second} tokens/s");
        if !bench.wants(&case) {
            continue;
        }
        let shape = Shape::new(streams, tokens_a_second, bench);
        let mut runs = Runs::default();
        for round in 1..=bench.rounds {
            eprintln!("{case}: round {round} of {}", bench.rounds);
            let mut ways = [Way::Direct, Way::Provider, Way::Worker];
            // None is always the one after another: what a disk still has to do would count against it.
            ways.rotate_left(round % 3);
            for way in ways {
                if way == Way::Direct || bench.parlor.is_some() {
                    let run = take(bench, way, &provider, shape).await;
                    runs.of(way).push(run.map_err(|error| format!("{case}, {way:?}: {error}"))?);
                }
            }
        }
        rows.extend(runs.rows(&case));
    }
    Ok(rows)
}

impl Runs {
    fn of(&mut self, way: Way) -> &mut Vec<Figures> {
        match way {
            Way::Direct => &mut self.direct,
            Way::Provider => &mut self.provider,
            Way::Worker => &mut self.worker,
        }
    }

    /// The table's lines: the provider's beside the client's own reading, then the worker's beside the provider's.
    fn rows(&self, case: &str) -> Vec<Row> {
        let [direct, provider, worker] =
            [&self.direct, &self.provider, &self.worker].map(|runs| medians(runs));
        let mut rows = table::provider_rows(case, &direct, &provider);
        rows.extend(table::worker_rows(case, &direct, &provider, &worker));
        rows
    }
}

/// One run of one way.
async fn take(bench: &Bench, way: Way, provider: &Provider, shape: Shape) -> Result<Figures> {
    let address = provider.address;
    let budget = ("USER_TOKEN_BUDGET", BUDGET.to_owned());
    match way {
        Way::Direct => {
            let mut clients = Vec::new();
            for _ in 0..=shape.streams {
                clients.push(Client::of_provider(address).await?);
            }
            load::run(clients, shape, || Ok(Duration::ZERO)).await
        }
        Way::Provider => {
            let environment = [
                ("OPENAI_BASE_URL", format!("http://{address}/v1")),
                ("OPENAI_API_KEY", "bench".to_owned()),
                ("OPENAI_MODEL", "bench".to_owned()),
                budget,
            ];
            bench.with(Kind::Parlor, &environment, async |parlor| through(parlor, shape).await).await
        }
        Way::Worker => {
            let environment = [("AI_SERVICE_KEY", KEY.to_owned()), budget];
            let work = async |parlor: &Subject| {
                let capacity = u32::try_from(shape.streams + 1)?;
                let _worker = Worker::start(parlor.process.address, KEY, capacity).await?;
                through(parlor, shape).await
            };
            bench.with(Kind::Parlor, &environment, work).await
        }
    }
}

async fn through(parlor: &Subject, shape: Shape) -> Result<Figures> {
    let mut places = Vec::new();
    for index in 0..=shape.streams {
        let user = if index == shape.streams { USERS - 1 } else { index % (USERS - 1) };
        places.push((user, parlor.new_conversation(user).await?));
    }
    let members: Vec<_> = places.iter().map(|(user, id)| (*user, Place::Conversation(*id))).collect();
    let connections = parlor.join_all(&members).await?;
    let clients = connections.into_iter().zip(places).map(|(it, (_, id))| Client::of_server(it, id));
    load::run(clients.collect(), shape, || parlor.process.cpu()).await
}
