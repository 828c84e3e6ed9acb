//! An S3 server of other people's making (`moto`), which keeps everything in memory.

use crate::TestAppBuilder;
use crate::files::request;
use crate::process::Process;
use crate::tools;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

/// A running server with one bucket. It is stopped when this is dropped.
#[derive(Debug)]
pub struct S3 {
    _process: Process,
    address: SocketAddr,
}

impl S3 {
    /// Its bucket.
    pub const BUCKET: &str = "parlor-files";

    /// Starts it.
    pub async fn start() -> Self {
        let mut command = Command::new(tools::python());
        command.args(["-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", "0"]);
        let mut process = Process::start("moto", command, false);
        let address = process.wait_for(Duration::from_secs(60), |output| {
            let start = output.find("Running on http://")? + "Running on http://".len();
            output[start..].split_whitespace().next()?.parse().ok()
        });
        let made = request(address, "PUT", &format!("/{}", Self::BUCKET), &[], b"").await;
        assert_eq!(made.status, 200, "{}", made.text());
        Self { _process: process, address }
    }

    /// The settings of a server that keeps its files here, in a folder of the bucket.
    #[must_use]
    pub fn configure(&self, app: TestAppBuilder) -> TestAppBuilder {
        app.env("UPLOAD_DIR", format!("s3://{}/some/folder", Self::BUCKET))
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ALLOW_HTTP", true)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
    }

    /// The keys of all objects.
    pub async fn keys(&self) -> Vec<String> {
        let listed =
            request(self.address, "GET", &format!("/{}?list-type=2", Self::BUCKET), &[], b"").await.text();
        let keys = listed.split("<Key>").skip(1);
        keys.filter_map(|rest| rest.split_once("</Key>")).map(|(key, _)| key.to_owned()).collect()
    }
}
