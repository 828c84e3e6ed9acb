//! The real server, in a folder of its own.

use crate::broker::{self, BrokerUser, Worker};
use crate::client::{Client, Credential};
use crate::http::{self, Answer};
use crate::process::Process;
use crate::rooms::Rooms;
use crate::sessions::{Asker, History};
use crate::socketio::Io;
use crate::{PATIENCE, tools};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;
use tempfile::TempDir;

/// A running `parlor serve`, its data folder and its settings. It is stopped when this is dropped.
#[derive(Debug)]
pub struct TestApp {
    settings: BTreeMap<String, String>,
    folder: TempDir,
    process: Process,
    address: SocketAddr,
    /// What the earlier processes of this app said, before they were killed or drained.
    earlier_log: String,
}

/// What a [`TestApp`] shall be.
#[derive(Debug, Default)]
pub struct TestAppBuilder {
    settings: BTreeMap<String, String>,
}

impl TestAppBuilder {
    /// Sets an environment variable of the server.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a number or a string stands plainly in the call")]
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.insert(name.to_owned(), value.to_string());
        self
    }

    /// Turns off every limit on frames, messages and the user's connections, for tests of something else.
    #[must_use]
    pub fn without_limits(self) -> Self {
        self.env("WS_RATE_LIMIT_REQUESTS", 0)
            .env("WS_CHAT_RATE_LIMIT_REQUESTS", 0)
            .env("AI_CHAT_RATE_LIMIT_REQUESTS", 0)
            .env("WS_MAX_CONNECTIONS_PER_USER", 0)
    }

    /// Answers through the OpenAI-compatible API at `base_url`, with `model` unless a message names another.
    #[must_use]
    pub fn provider(self, base_url: &str, model: &str) -> Self {
        self.env("OPENAI_BASE_URL", base_url)
            .env("OPENAI_API_KEY", "sk-canary-key")
            .env("OPENAI_MODEL", model)
    }

    /// Lets workers in that have the tests' key.
    #[must_use]
    pub fn workers(self) -> Self {
        self.env("AI_SERVICE_KEY", broker::SERVICE_KEY)
    }

    /// Starts it on a free port and waits until it listens.
    pub async fn start(self) -> TestApp {
        let folder = tempfile::tempdir().unwrap();
        let (process, address) = serve(folder.path(), &self.settings, 0);
        let app = TestApp { settings: self.settings, folder, process, address, earlier_log: String::new() };
        app.wait_ready().await;
        app
    }
}

impl TestApp {
    /// Choose settings first.
    pub fn builder() -> TestAppBuilder {
        TestAppBuilder::default()
    }

    /// The server as it is with no setting at all: `SQLite`, the demo assistant, every limit.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Where it listens. Another after each [`restart`](Self::restart).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Changes a setting, or takes it away, for the next start and the next command.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => drop(self.settings.insert(name.to_owned(), value.to_owned())),
            None => drop(self.settings.remove(name)),
        }
    }

    /// An access token for `email`, by the real command line.
    pub fn token(&self, email: &str) -> String {
        self.token_for(email, "1h")
    }

    /// An access token that lasts for `ttl`, as the command line writes durations.
    pub fn token_for(&self, email: &str, ttl: &str) -> String {
        self.issue(&[email, "--ttl", ttl])
    }

    /// An access token for an admin.
    pub fn admin_token(&self, email: &str) -> String {
        self.issue(&[email, "--role", "admin"])
    }

    /// The same for somebody who is a plain user from now on, whatever they were.
    pub fn user_token(&self, email: &str) -> String {
        self.issue(&[email, "--role", "user"])
    }

    fn issue(&self, arguments: &[&str]) -> String {
        let output = self.command(&[&["token"], arguments].concat());
        assert!(output.status.success(), "parlor token: {}", String::from_utf8_lossy(&output.stderr));
        let token = String::from_utf8(output.stdout).unwrap();
        let token = token.strip_suffix('\n').expect("one line");
        assert!(!token.is_empty() && !token.contains(char::is_whitespace), "not a token alone: {token:?}");
        token.to_owned()
    }

    /// Runs another command of the binary on the same folder with the same settings.
    pub fn command(&self, arguments: &[&str]) -> Output {
        parlor(self.folder.path(), &self.settings).args(arguments).output().unwrap()
    }

    /// The same, and does not wait for its end.
    pub fn spawn(&self, arguments: &[&str]) -> Process {
        let mut command = parlor(self.folder.path(), &self.settings);
        command.args(arguments);
        Process::start("parlor", command, false)
    }

    /// An authenticated connection.
    pub async fn client(&self, token: &str) -> Client {
        let mut client = Client::connect(self.address, Credential::Query(token)).await;
        client.expect("auth_success").await;
        client
    }

    /// A connection of the `rooms` dialect that is told nothing of what was missed.
    pub async fn rooms(&self, token: &str) -> Rooms {
        let mut client = Rooms::connect(self.address, token, "?resume=1").await;
        // What comes meanwhile waits for the resume that was announced, or for any other frame.
        client.barrier().await;
        client
    }

    /// A user of the `broker` dialect.
    pub async fn broker(&self, token: &str) -> BrokerUser {
        BrokerUser::connect(self.address, token).await
    }

    /// A connection of the `sessions` dialect.
    pub async fn asker(&self, token: &str) -> Asker {
        Asker::connect(self.address, token).await
    }

    /// A connection to the namespace of Socket.IO.
    pub async fn io(&self, token: &str) -> Io {
        Io::connect(self.address, token).await
    }

    /// What a user said in sessions, over HTTP.
    pub fn history(&self, token: &str) -> History {
        History::new(self, token)
    }

    /// An AI worker that serves every model.
    pub async fn worker(&self, name: &str) -> Worker {
        Worker::connect(self.address, name, Value::Null).await
    }

    /// A request over HTTP, with a bearer; no body where it is null.
    pub async fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        http::ask(self.address, method, path, Some(token), &body).await
    }

    /// A room as its member finds it over HTTP.
    pub async fn room(&self, token: &str, room: &str) -> Value {
        let answer = self.ask(token, "GET", &format!("/api/v1/ws/rooms/{room}"), Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        http::get(self.address, path).await
    }

    /// Everything that it has logged, through all restarts.
    pub fn log(&self) -> String {
        format!("{}{}", self.earlier_log, self.process.output())
    }

    /// Memory that the server has of its own, in bytes: without the pages of its program, of which more and more come in
    /// as more of it runs, and which a debug build has hundreds of mebibytes of.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Kills it in the middle of whatever it does.
    pub fn kill9(&mut self) {
        self.process.kill();
    }

    /// Asks it to drain.
    pub fn terminate(&self) {
        self.process.signal(rustix::process::Signal::TERM);
    }

    /// Waits for its end.
    pub async fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait_end(limit).await
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// Starts it again on the same folder, after its end.
    pub async fn restart(&mut self) {
        self.restart_on(0).await;
    }

    /// The same, at the address that it had, for clients that come back by themselves.
    pub async fn restart_in_place(&mut self) {
        self.restart_on(self.address.port()).await;
    }

    async fn restart_on(&mut self, port: u16) {
        assert!(!self.is_running(), "restart comes after the end");
        self.earlier_log += &self.process.output();
        (self.process, self.address) = serve(self.folder.path(), &self.settings, port);
        self.wait_ready().await;
    }

    async fn wait_ready(&self) {
        let answer = self.get("/health/ready").await;
        assert_eq!(answer.status, 200, "a server that listens is ready: {}", answer.body);
    }
}

fn serve(folder: &Path, settings: &BTreeMap<String, String>, port: u16) -> (Process, SocketAddr) {
    let mut command = parlor(folder, settings);
    command.args(["serve", "--port", &port.to_string()]);
    let mut process = Process::start("parlor", command, false);
    let address = process.wait_for(PATIENCE, listening);
    (process, address)
}

/// The command with nothing of this process's environment, so that the machine's own settings change no test.
fn parlor(folder: &Path, settings: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(tools::parlor_binary());
    command
        .env_clear()
        .env("RUST_BACKTRACE", "1")
        .env("PARLOR_DATA_DIR", folder.join("data"))
        .envs(settings)
        .current_dir(folder);
    command
}

/// Finds `listening on ADDRESS` in the log.
fn listening(log: &str) -> Option<SocketAddr> {
    let start = log.find("listening on ")? + "listening on ".len();
    let rest = log[start..].trim_start_matches("http://");
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))?;
    rest[..end].parse().ok()
}
