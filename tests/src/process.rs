//! A child process whose output is kept, and which never outlives its test.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A child process, stopped by its id when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `command`. What it says on stderr (or on stdout, with `speaks_on_stdout`) is kept.
    pub fn start(name: &str, mut command: Command, speaks_on_stdout: bool) -> Self {
        command.stdin(Stdio::null());
        if speaks_on_stdout {
            command.stdout(Stdio::piped()).stderr(Stdio::null());
        } else {
            command.stdout(Stdio::null()).stderr(Stdio::piped());
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let output = Arc::new(Mutex::new(Vec::new()));
        let reader = {
            let output = Arc::clone(&output);
            let pipe: Box<dyn Read + Send> = if speaks_on_stdout {
                Box::new(child.stdout.take().unwrap())
            } else {
                Box::new(child.stderr.take().unwrap())
            };
            std::thread::spawn(move || collect(pipe, &output))
        };
        Self { name: name.to_owned(), child, output, reader: Some(reader) }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn output(&self) -> String {
        let bytes = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until `found` makes something of the output. Panics where the process ends or `limit` passes first.
    pub fn wait_for<T>(&mut self, limit: Duration, found: impl Fn(&str) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() {
                self.join_reader();
            }
            let output = self.output();
            if let Some(value) = found(&output) {
                return value;
            }
            if let Some(status) = ended {
                panic!("{} ended with {status} before it was ready:\n{output}", self.name);
            }
            assert!(start.elapsed() < limit, "{} was not ready in {limit:?}:\n{output}", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Ends it at once and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_reader();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end. Panics after `limit`.
    pub async fn wait_end(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                self.join_reader();
                return status;
            }
            assert!(start.elapsed() < limit, "{} did not end in {limit:?}:\n{}", self.name, self.tail(60));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The last `lines` lines of what it said.
    pub fn tail(&self, lines: usize) -> String {
        let output = self.output();
        let all: Vec<&str> = output.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    fn join_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let output = self.output();
            let errors: Vec<&str> = output.lines().filter(|line| line.contains(" ERROR ")).take(20).collect();
            eprintln!("--- the errors of {}:\n{}", self.name, errors.join("\n"));
            eprintln!("--- its last lines:\n{}\n---", self.tail(40));
        }
    }
}

fn collect(mut pipe: Box<dyn Read + Send>, output: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        output.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
    }
}
