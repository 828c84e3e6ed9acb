//! The books as the database has them, read past the server: what each attempt used, what is set aside, and what every
//! account comes to.

use parlor_tests::{PATIENCE, TestApp, tools};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// A row of `attempts`.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// The turn's id, without its dashes.
    pub(super) turn: String,
    pub(super) number: u64,
    pub(super) backend: String,
    pub(super) outcome: String,
    pub(super) tokens: u64,
    /// Whether it ever said anything.
    pub(super) spoke: bool,
    accounts: Vec<String>,
}

/// All that the books say at one moment.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) attempts: Vec<Attempt>,
    /// How many tokens are set aside, a reservation each.
    pub(super) reservations: Vec<u64>,
    /// What is used and what is set aside, an account each.
    balances: BTreeMap<String, (u64, u64)>,
}

/// Where they are.
#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Database {
    /// The file of a server on `SQLite`. It may be read while the server runs, and after it was killed.
    pub(super) fn of(app: &TestApp) -> Self {
        Self::Sqlite(app.folder().join("data/parlor.db"))
    }

    /// One reading, in one transaction.
    pub(super) fn read(&self) -> Books {
        let turn = match self {
            Self::Sqlite(_) => "lower(hex(turn_id))",
            Self::Postgres(_) => "replace(turn_id::text, '-', '')",
        };
        let rows = self.query(&format!(
            "SELECT 1 AS kind, {turn} AS turn, number, backend, outcome, accounts, \
             prompt_tokens + completion_tokens AS tokens, first_content_ms AS spoke FROM attempts \
             UNION ALL SELECT 2, '', 0, '', '', accounts, tokens, 0 FROM reservations \
             UNION ALL SELECT 3, '', used, '', '', account, reserved, 0 FROM balances"
        ));
        let mut books = Books { attempts: Vec::new(), reservations: Vec::new(), balances: BTreeMap::new() };
        rows.as_array().unwrap().iter().for_each(|row| books.take(row));
        books
    }

    /// The rows of a query as JSON objects.
    fn query(&self, sql: &str) -> Value {
        let mut command = match self {
            Self::Sqlite(path) => {
                let script = "import json, sqlite3, sys\n\
                    db = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)\n\
                    db.row_factory = sqlite3.Row\n\
                    print(json.dumps([dict(row) for row in db.execute(sys.argv[2])]))";
                let mut python = Command::new(tools::python());
                python.args(["-c", script]).arg(path).arg(sql);
                python
            }
            Self::Postgres(url) => {
                let mut psql = Command::new("psql");
                psql.args(["--no-psqlrc", "--tuples-only", "--no-align", url, "--command"]);
                psql.arg(format!("SELECT coalesce(json_agg(line), '[]') FROM ({sql}) line"));
                psql
            }
        };
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Waits until nothing is set aside; then every account must come to the sum of its attempts.
    pub(super) async fn settled(&self) -> Books {
        let start = Instant::now();
        loop {
            let books = self.read();
            if books.reservations.is_empty() {
                books.assert_balanced();
                return books;
            }
            assert!(start.elapsed() < PATIENCE, "still set aside: {:?}", books.reservations);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Books {
    fn take(&mut self, row: &Value) {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let number = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name}: {row}"));
        match number("kind") {
            1 => self.attempts.push(Attempt {
                turn: text("turn"),
                number: number("number"),
                backend: text("backend"),
                outcome: text("outcome"),
                tokens: number("tokens"),
                spoke: !row["spoke"].is_null(),
                accounts: serde_json::from_str(&text("accounts")).unwrap(),
            }),
            2 => self.reservations.push(number("tokens")),
            _ => drop(self.balances.insert(text("accounts"), (number("number"), number("tokens")))),
        }
    }

    /// What is used and set aside of the lifelong accounts of all users.
    pub(super) fn users(&self) -> (u64, u64) {
        let lifelong = self.balances.iter().filter(|(name, _)| name.matches(':').count() == 1);
        lifelong.fold((0, 0), |(used, reserved), (_, one)| (used + one.0, reserved + one.1))
    }

    /// Where nothing runs, every account comes to the sum of its attempts.
    pub(super) fn assert_balanced(&self) {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for attempt in &self.attempts {
            for account in &attempt.accounts {
                *sums.entry(account).or_default() += attempt.tokens;
            }
        }
        let names: BTreeSet<&str> =
            sums.keys().copied().chain(self.balances.keys().map(String::as_str)).collect();
        assert!(!names.is_empty(), "nothing was ever booked");
        for name in names {
            let balance = self.balances.get(name).copied().unwrap_or_default();
            assert_eq!(balance, (sums.get(name).copied().unwrap_or_default(), 0), "{name}");
        }
    }

    /// The attempts of each turn, in their order.
    pub(super) fn turns(&self) -> BTreeMap<&str, Vec<&Attempt>> {
        let mut turns: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
        for attempt in &self.attempts {
            turns.entry(&attempt.turn).or_default().push(attempt);
        }
        turns.values_mut().for_each(|attempts| attempts.sort_by_key(|attempt| attempt.number));
        turns
    }
}
