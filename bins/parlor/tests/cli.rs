//! The program as an operator meets it: what it prints where, what it leaves on disk, and how it ends.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use parlor_accounts::{Tokens, secret};
use parlor_domain::ports::{Authenticator, Identity, Role, SystemClock};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a process may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder to run in, with nothing in the environment but what a test puts there.
struct Operator {
    folder: TempDir,
}

impl Operator {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
        command.args(arguments).env_clear().current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("parlor-data")
    }

    fn is_untouched(&self) -> bool {
        std::fs::read_dir(self.folder.path()).unwrap().next().is_none()
    }

    /// Whose a token is, by the secret that is kept in the data folder.
    fn identity(&self, token: &str) -> Identity {
        let secret = secret::load_or_create(&self.data_dir()).unwrap();
        let tokens = Tokens::new(&secret, Arc::new(SystemClock)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(tokens.authenticate(token)).unwrap()
    }

    fn token(&self, arguments: &[&str]) -> Identity {
        let output = self.run(&[&["token"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = stdout(&output);
        let token = text.strip_suffix('\n').unwrap();
        assert!(!token.contains(char::is_whitespace), "nothing but the token: {text:?}");
        self.identity(token)
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running server. It is killed if a test forgets it.
struct Server {
    child: Child,
    log: mpsc::Receiver<String>,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process writes, line by line, so that a test need not wait for ever.
fn lines(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|it| tell.send(it))
    });
    lines
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let mut server = Self { child, log, address: ([0, 0, 0, 0], 0).into() };
        let mut words = None;
        while words.is_none() {
            let line = server.log.recv_timeout(PATIENCE).expect("it did not start");
            words = line.split_once("listening on ").map(|(_, rest)| rest.to_owned());
        }
        server.address = words.unwrap().split_whitespace().next().unwrap().parse().unwrap();
        server
    }

    fn signal(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// The exit code, and the rest of the log.
    fn wait(&mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.log.iter().collect());
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    fn post(&self, path: &str, body: &str) -> String {
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn a_bad_configuration_is_one_line_exit_2_and_nothing_on_disk() {
    for command in [
        &["serve"][..],
        &[],
        &["token", "ada@example.org"],
        &["migrate"],
        &["import-users", "users.jsonl"],
        &["rotate-keys"],
        &["config"],
    ] {
        let operator = Operator::new();
        let output = operator.command(command).env("PORT", "eighty").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        let expect =
            "parlor: port = \"eighty\" (from environment variable PORT) is not a port from 0 to 65535\n";
        assert_eq!(stderr(&output), expect);
        assert_eq!(stdout(&output), "");
        assert!(operator.is_untouched(), "{command:?}");
    }
}

#[test]
fn a_file_with_an_unknown_key_is_refused_by_its_name() {
    let operator = Operator::new();
    let file = operator.folder.path().join("my.toml");
    std::fs::write(&file, "prot = 1\n").unwrap();
    let output = operator.run(&["serve", "--config", "my.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "parlor: my.toml: unknown key \"prot\"; `parlor serve --help` lists the settings\n"
    );
    assert!(!operator.data_dir().exists());
}

#[test]
fn what_makes_no_sense_in_an_address_is_found_before_anything_is_made() {
    let operator = Operator::new();
    let output = operator.command(&["serve"]).env("DATABASE_URL", "sqlite://:memory:").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).starts_with("parlor: database_url: "), "{output:?}");
    assert!(operator.is_untouched());
}

#[test]
fn wrong_flags_and_addresses_are_exit_2() {
    for arguments in [
        &["--nonsense"][..],
        &["fly"],
        &["token"],
        &["token", "ada"],
        &["token", "a@b", "--role", "root"],
        &["token", "a@b", "--ttl", "0"],
        &["import-users"],
    ] {
        let operator = Operator::new();
        assert_eq!(operator.run(arguments).status.code(), Some(2), "{arguments:?}");
        assert!(operator.is_untouched());
    }
}

#[test]
fn the_configuration_in_force_is_printed_with_secrets_masked() {
    let operator = Operator::new();
    std::fs::create_dir(operator.data_dir()).unwrap();
    std::fs::write(operator.data_dir().join("parlor.toml"), "ws_rate_limit_requests = 7\nport = 1\n")
        .unwrap();
    let mut command = operator.command(&["config", "--data-dir", "./parlor-data"]);
    let output = command.env("OPENAI_API_KEY", "sk-hunter2").env("PORT", "2").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    for line in [
        "ws_rate_limit_requests = 7  # ./parlor-data/parlor.toml",
        "port = 2  # environment variable PORT",
        "parlor_data_dir = \"./parlor-data\"  # flag --data-dir",
        "host = \"127.0.0.1\"  # default",
        "# openai_api_key = \"********\"  # environment variable OPENAI_API_KEY",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
    }
    assert!(!text.contains("hunter2"));
}

#[test]
fn flags_stand_before_or_after_the_command() {
    let operator = Operator::new();
    for arguments in [&["--port", "7", "config"][..], &["config", "--data-dir", "x"]] {
        let text = stdout(&operator.run(arguments));
        assert!(text.contains("# flag --"), "{text}");
    }
}

#[test]
fn the_help_lists_the_settings() {
    let output = Operator::new().run(&["serve", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    for variable in ["PARLOR_DATA_DIR", "OPENAI_BASE_URL", "WS_RATE_LIMIT_WINDOW"] {
        assert!(stdout(&output).contains(variable), "{variable}");
    }
}

#[test]
fn a_token_is_alone_on_stdout_and_for_one_user_an_address() {
    let operator = Operator::new();
    let ada = operator.token(&["Ada@Example.org"]);
    assert_eq!(ada.role, Role::User);
    let again = operator.token(&["ada@example.org", "--role", "admin", "--ttl", "1h"]);
    assert_eq!((again.user, again.role), (ada.user, Role::Admin));
    assert!(again.expires_at < ada.expires_at);
    assert_ne!(operator.token(&["bob@example.org"]).user, ada.user);
}

#[test]
fn migrating_tells_what_it_did() {
    let operator = Operator::new();
    let first = operator.run(&["migrate"]);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    assert!(stdout(&first).lines().all(|line| line.starts_with("applied ")), "{first:?}");
    assert_eq!(stdout(&operator.run(&["migrate"])), "up to date\n");
    let epochs: Vec<String> = (0..2).map(|_| stdout(&operator.run(&["migrate", "--new-epoch"]))).collect();
    assert!(epochs.iter().all(|it| it.starts_with("up to date\nnew epoch ")), "{epochs:?}");
    assert_ne!(epochs[0], epochs[1]);
}

#[test]
fn it_serves_gives_tokens_meanwhile_and_ends_well_when_asked() {
    let operator = Operator::new();
    let mut server = Server::start(operator.command(&["--port", "0"]));
    assert!(server.get("/health/live").starts_with("HTTP/1.1 200 "));
    operator.token(&["ada@example.org"]);
    std::fs::write(operator.folder.path().join("users.jsonl"), "\n").unwrap();
    let imported = operator.run(&["import-users", "users.jsonl"]);
    assert!(stdout(&imported).starts_with("imported 0 accounts"), "{imported:?}");

    let second = operator.run(&["serve", "--port", "0"]);
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    assert!(stderr(&second).contains("another Parlor server is using"), "{second:?}");

    server.signal();
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log}");
    let mut out = String::new();
    server.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(out, "", "standard output is for answers");
}

/// Protects who waits for a code: mail is on its way when the server says that it has ended.
#[test]
fn mail_that_waits_is_sent_before_the_end() {
    let operator = Operator::new();
    let mut server = Server::start(operator.command(&["--port", "0"]));
    let answer =
        server.post("/auth/signup", r#"{"email":"ada@example.org","password":"correct horse battery"}"#);
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    server.signal();
    assert_eq!(server.wait().0, Some(0));
    let mail = std::fs::read_dir(operator.data_dir().join("outbox")).unwrap();
    let mail: Vec<_> = mail.map(|it| std::fs::read_to_string(it.unwrap().path()).unwrap()).collect();
    assert!(mail.len() == 1 && mail[0].contains("To: ada@example.org"), "{} mails", mail.len());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let operator = Operator::new();
    let mut server = Server::start(operator.command(&["--port", "0"]));
    // A request that never comes to its end keeps the drain busy.
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.write_all(b"GET /health/live HTTP/1.1\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.signal();
    let line = server.log.recv_timeout(PATIENCE).unwrap();
    assert!(line.contains("draining"), "{line}");
    server.signal();
    let start = Instant::now();
    let (code, log) = server.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.ends_with("parlor: ended by a second signal"), "{log}");
    assert!(start.elapsed() < Duration::from_secs(3), "the drain would have taken longer");
}

#[test]
fn a_port_in_use_is_exit_1() {
    let operator = Operator::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = operator.run(&["serve", "--port", &port]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let last = stderr(&output).lines().last().unwrap().to_owned();
    assert!(last.starts_with(&format!("parlor: cannot listen on 127.0.0.1, port {port}: ")), "{last}");
}

#[test]
fn an_exposed_secret_stops_the_server() {
    use std::os::unix::fs::PermissionsExt;
    let operator = Operator::new();
    operator.token(&["ada@example.org"]);
    let file = operator.data_dir().join("jwt-secret");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = operator.run(&["serve", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("run chmod 600 on it"), "{output:?}");
}

#[test]
fn the_log_may_be_an_object_a_line() {
    let operator = Operator::new();
    let mut command = operator.command(&["serve", "--port", "0"]);
    let mut child = command.env("LOG_FORMAT", "json").stderr(Stdio::piped()).spawn().unwrap();
    let line = lines(child.stderr.take().unwrap()).recv_timeout(PATIENCE);
    child.kill().unwrap();
    child.wait().unwrap();
    let line = line.unwrap();
    assert!(line.starts_with("{\"timestamp\":") && line.ends_with('}'), "{line}");
}
