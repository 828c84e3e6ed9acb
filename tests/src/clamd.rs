//! The real clamd, on a socket in a folder of its own or on a TCP port, with a signature that knows EICAR and nothing else.

use crate::process::Process;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A running clamd. It is stopped when this is dropped.
#[derive(Debug)]
pub struct Clamd {
    folder: TempDir,
    port: Option<u16>,
    process: Process,
}

impl Clamd {
    /// Starts it on a Unix socket and waits until it listens.
    pub fn start() -> Self {
        Self::start_on(None)
    }

    /// Starts it on a TCP port and waits until it listens.
    pub fn start_on_tcp() -> Self {
        // Free a moment ago: clamd cannot choose one by itself.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self::start_on(Some(listener.local_addr().unwrap().port()))
    }

    fn start_on(port: Option<u16>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The signature is the file's own bytes (ClamAV's extended format: name, any target, any offset).
        let bytes = crate::files::eicar().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        std::fs::create_dir(folder.path().join("signatures")).unwrap();
        let signature = format!("Test.Eicar:0:*:{bytes}\n");
        std::fs::write(folder.path().join("signatures/test.ndb"), signature).unwrap();
        let place = folder.path().display();
        let socket = match port {
            None => format!("LocalSocket {place}/clamd.sock"),
            Some(port) => format!("TCPSocket {port}\nTCPAddr 127.0.0.1"),
        };
        let config = format!(
            "Foreground yes\n{socket}\nDatabaseDirectory {place}/signatures\n\
             TemporaryDirectory {place}\nStreamMaxLength 100M\nMaxThreads 4\n"
        );
        std::fs::write(folder.path().join("clamd.conf"), config).unwrap();
        let process = Self::run(&folder, port);
        Self { folder, port, process }
    }

    fn run(folder: &TempDir, port: Option<u16>) -> Process {
        let mut command = Command::new(find());
        command.arg("--config-file").arg(folder.path().join("clamd.conf"));
        let mut process = Process::start("clamd", command, true);
        let socket = folder.path().join("clamd.sock");
        process.wait_for(Duration::from_secs(60), |_| match port {
            None => std::os::unix::net::UnixStream::connect(&socket).map(drop).ok(),
            Some(port) => std::net::TcpStream::connect(("127.0.0.1", port)).map(drop).ok(),
        });
        process
    }

    /// Where it listens: the path of its socket, or its address.
    pub fn address(&self) -> String {
        match self.port {
            None => self.folder.path().join("clamd.sock").display().to_string(),
            Some(port) => format!("127.0.0.1:{port}"),
        }
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.process.kill();
        let _ = std::fs::remove_file(self.folder.path().join("clamd.sock"));
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.process = Self::run(&self.folder, self.port);
    }
}

fn find() -> PathBuf {
    let known = ["/usr/sbin/clamd", "/usr/local/sbin/clamd", "/usr/bin/clamd"].map(PathBuf::from);
    let found = known.into_iter().find(|path| path.is_file());
    found.expect("clamd is not there: `tests/run tools` installs it")
}
