//! A `PostgreSQL` server of the test's own: a new cluster in a temporary folder, on a free port, gone with the test.

use crate::process::Process;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A running `PostgreSQL`.
#[derive(Debug)]
pub struct Postgres {
    // Before the folder, so that the server is gone when its files go.
    process: Process,
    port: u16,
    _folder: TempDir,
}

/// `PostgreSQL` refuses to run as root: then it runs as its own user.
#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Postgres {
    /// Makes a cluster and starts it. Panics, saying what to install, where there is none on this machine.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let owner = rustix::process::geteuid().is_root().then(postgres_user);
        if let Some(owner) = owner {
            chown(folder.path(), Some(owner.user), Some(owner.group)).unwrap();
        }
        let data = folder.path().join("data");
        let made = program("initdb", owner)
            .args(["--auth=trust", "--username=parlor", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let mut command = program("postgres", owner);
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=50"])
            .arg("-k")
            .arg(folder.path())
            .current_dir(folder.path());
        let mut process = Process::start("postgres", command, false);
        process.wait_for(Duration::from_mins(1), |log| {
            log.contains("database system is ready to accept connections").then_some(())
        });
        Self { process, port, _folder: folder }
    }

    /// The URL of its one database.
    pub fn url(&self) -> String {
        format!("postgres://parlor@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Has `psql` run a statement; gives what it prints, or its complaint.
    pub fn sql(&self, statement: &str) -> Result<String, String> {
        let output = program("psql", None)
            .args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", statement])
            .output()
            .unwrap();
        let [said, complaint] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        if output.status.success() { Ok(said) } else { Err(complaint) }
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.process.output()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A fast shutdown takes its children along; SIGKILL would leave them and their shared memory.
        self.process.signal(rustix::process::Signal::INT);
        for _ in 0..500 {
            if self.process.ended().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn program(name: &str, owner: Option<Owner>) -> Command {
    let mut command = Command::new(find(name));
    command.env_clear().env("LC_ALL", "C");
    if let Some(owner) = owner {
        command.uid(owner.user).gid(owner.group);
    }
    command
}

fn find(name: &str) -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("PostgreSQL's `{name}` is not installed: apt-get install postgresql"))
}

fn postgres_user() -> Owner {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let line = line.expect("a user `postgres`, which Debian's package postgresql makes");
    let mut ids = line.split(':').skip(2).map_while(|id| id.parse::<u32>().ok());
    Owner { user: ids.next().unwrap(), group: ids.next().unwrap() }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
