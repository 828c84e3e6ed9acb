//! The page in a real browser, and the JavaScript client: programs in `tests/node/web`, which say "all is well" at their
//! end.

mod cable;
mod chat;
mod client;
mod uploads;

use parlor_tests::{TestApp, tools};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a program may take between two of its lines: browsers are slow to start on a busy machine.
const LINE: Duration = Duration::from_mins(2);

/// A program that runs against a server.
struct Program {
    name: String,
    process: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it complained of, once it has ended.
    complaints: JoinHandle<String>,
}

impl Program {
    /// Starts `tests/node/web/NAME.mjs`, with more of an environment.
    fn start(app: &TestApp, name: &str, environment: &[(&str, String)]) -> Self {
        Self::start_at(app, app.address(), name, environment)
    }

    /// The same, which finds the server at another address.
    fn start_at(app: &TestApp, address: SocketAddr, name: &str, environment: &[(&str, String)]) -> Self {
        let target = tools::node().ancestors().nth(3).unwrap().to_owned();
        let mut command = Command::new(tools::node());
        command
            .arg(tools::root().join(format!("tests/node/web/{name}.mjs")))
            .current_dir(app.folder())
            .env("PARLOR_URL", format!("http://{address}/"))
            .env("PARLOR_TOOLS", target.join("tools"))
            .env("PARLOR_SHOTS", target.join("screenshots"))
            .env("CHROMIUM", tools::chromium())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut errors = process.stderr.take().unwrap();
        let complaints = tokio::spawn(async move {
            let mut text = String::new();
            errors.read_to_string(&mut text).await.unwrap();
            text
        });
        Self { name: name.to_owned(), process, input, lines: BufReader::new(output).lines(), complaints }
    }

    /// The next line of what it says.
    async fn line(&mut self) -> String {
        let line = timeout(LINE, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{} does not go on", self.name)).unwrap();
        match line {
            Some(line) => line,
            None => panic!("{} ended early: {}", self.name, (&mut self.complaints).await.unwrap()),
        }
    }

    /// Waits for a line, and shows those before it.
    async fn until(&mut self, wanted: &str) {
        loop {
            let line = self.line().await;
            if line == wanted {
                return;
            }
            println!("{}: {line}", self.name);
        }
    }

    /// Tells it that the test has done its part.
    async fn answer(&mut self, words: &str) {
        self.input.write_all(format!("{words}\n").as_bytes()).await.unwrap();
    }

    /// Waits for its good end.
    async fn ends_well(mut self) {
        self.until("all is well").await;
        let Self { name, mut process, input, .. } = self;
        // It may still listen for an answer.
        drop(input);
        let status = timeout(LINE, process.wait()).await.unwrap_or_else(|_| panic!("{name} does not end"));
        assert!(status.unwrap().success(), "{name} failed");
    }
}
