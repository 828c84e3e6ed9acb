//! The real clamd, on a socket in a folder of its own, with a signature that knows EICAR and nothing else.

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
    process: Process,
}

impl Clamd {
    /// Starts it and waits until it listens.
    pub fn start() -> Self {
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
        let config = format!(
            "Foreground yes\nLocalSocket {place}/clamd.sock\nDatabaseDirectory {place}/signatures\n\
             TemporaryDirectory {place}\nStreamMaxLength 100M\nMaxThreads 4\n"
        );
        std::fs::write(folder.path().join("clamd.conf"), config).unwrap();
        let process = Self::run(&folder);
        Self { folder, process }
    }

    fn run(folder: &TempDir) -> Process {
        let mut command = Command::new(find());
        command.arg("--config-file").arg(folder.path().join("clamd.conf"));
        let mut process = Process::start("clamd", command, true);
        let socket = folder.path().join("clamd.sock");
        process.wait_for(Duration::from_secs(60), |_| std::os::unix::net::UnixStream::connect(&socket).ok());
        process
    }

    /// The path of its socket.
    pub fn socket(&self) -> String {
        self.folder.path().join("clamd.sock").display().to_string()
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.process.kill();
        let _ = std::fs::remove_file(self.folder.path().join("clamd.sock"));
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.process = Self::run(&self.folder);
    }
}

fn find() -> PathBuf {
    let known = ["/usr/sbin/clamd", "/usr/local/sbin/clamd", "/usr/bin/clamd"].map(PathBuf::from);
    let found = known.into_iter().find(|path| path.is_file());
    found.expect("clamd is not there: `tests/run tools` installs it")
}
