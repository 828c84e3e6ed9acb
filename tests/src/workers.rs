//! AI workers that are processes of their own: the real `parlor worker`, several beside each other.

use crate::broker::SERVICE_KEY;
use crate::process::Process;
use crate::tools;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The workers of one server, which can be killed one by one. All end when this is dropped.
#[derive(Debug)]
pub struct Workers {
    url: String,
    capacity: u32,
    settings: Vec<(&'static str, String)>,
    running: Vec<Process>,
    /// How many were ever started: each has a name of its own.
    started: usize,
    folder: TempDir,
}

impl Workers {
    /// None yet, for the server at `address`. Each will make `capacity` replies at once, by asking the OpenAI-compatible
    /// API at `base_url` for `model`.
    pub fn new(address: SocketAddr, base_url: &str, model: &str, capacity: u32) -> Self {
        let settings = vec![
            ("AI_SERVICE_KEY", SERVICE_KEY.to_owned()),
            ("OPENAI_BASE_URL", base_url.to_owned()),
            ("OPENAI_MODEL", model.to_owned()),
            ("LOG_LEVEL", "error".to_owned()),
        ];
        let url = format!("ws://{address}/ws");
        Self {
            url,
            capacity,
            settings,
            running: Vec::new(),
            started: 0,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Those that are started now connect to `url`, which is that of somebody before the server.
    #[must_use]
    pub fn at(self, url: String) -> Self {
        Self { url, ..self }
    }

    /// Sets an environment variable of those that are started now.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a number or a string stands plainly in the call")]
    pub fn env(mut self, name: &'static str, value: impl ToString) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }

    /// Starts one more; it connects by itself.
    pub fn add(&mut self) {
        self.started += 1;
        let name = format!("worker-{}", self.started);
        let mut command = Command::new(tools::parlor_binary());
        command
            .args(["worker", "--url", &self.url, "--name", &name, "--capacity", &self.capacity.to_string()])
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path());
        self.running.push(Process::start(&name, command, false));
    }

    /// How many run.
    pub fn count(&self) -> usize {
        self.running.len()
    }

    /// Waits until `found` makes something of the log of one. Panics where it ends or `limit` passes first.
    pub fn wait_for<T>(&mut self, index: usize, limit: Duration, found: impl Fn(&str) -> Option<T>) -> T {
        self.running[index].wait_for(limit, found)
    }

    /// Kills one in the middle of whatever it does.
    pub fn kill9(&mut self, index: usize) {
        self.running.swap_remove(index).kill();
    }
}
