//! Finds what `tests/run` built or installed: the server's binary, a Python, a Node.js, `aimock`, a browser.

use crate::process::Process;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The server's binary: beside this test in the target folder, or where `PARLOR_BINARY` says.
///
/// Cargo builds it with `cargo build -p parlor` (or `--workspace`), not with the tests alone.
pub fn parlor_binary() -> PathBuf {
    let path =
        std::env::var_os("PARLOR_BINARY").map_or_else(|| profile_folder().join("parlor"), PathBuf::from);
    assert!(path.is_file(), "{} is not there: run `cargo build -p parlor` first", path.display());
    path
}

/// A Python interpreter that has `websockets` and `aiosmtpd`.
pub fn python() -> PathBuf {
    installed("python/bin/python")
}

/// A Node.js with a WebSocket of its own.
pub fn node() -> PathBuf {
    installed("node/node")
}

/// A file of an npm package.
pub fn node_package(path: &str) -> PathBuf {
    installed(&format!("node/node_modules/{path}"))
}

/// Debian's Chromium.
pub fn chromium() -> PathBuf {
    let path = Path::new("/usr/bin/chromium");
    assert!(path.exists(), "{} is not there: `tests/run` (or `tests/run tools`) installs it", path.display());
    path.to_owned()
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Starts `aimock` (an LLM API of other people's making) with `fixtures`; gives it and its base URL.
pub fn aimock(fixtures: &Path) -> (Process, String) {
    let mut command = Command::new(node());
    command
        .arg(installed("node/node_modules/@copilotkit/aimock/dist/cli.js"))
        .args(["--port", "0", "--host", "127.0.0.1", "--fixtures"])
        .arg(fixtures);
    let mut process = Process::start("aimock", command, true);
    let url = process.wait_for(Duration::from_secs(30), |output| {
        let start = output.find("listening on http://")? + "listening on ".len();
        output[start..].split_once(char::is_whitespace).map(|(url, _)| format!("{url}/v1"))
    });
    (process, url)
}

fn installed(path: &str) -> PathBuf {
    let path = profile_folder().parent().unwrap().join("tools").join(path);
    assert!(path.exists(), "{} is not there: `tests/run` (or `tests/run tools`) installs it", path.display());
    path
}

/// `target/debug` or `target/release`: a test's executable lies in its `deps`.
fn profile_folder() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    executable.parent().and_then(Path::parent).unwrap().to_owned()
}
