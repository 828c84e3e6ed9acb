//! An S3 server of other people's making (`s3s-fs`), which keeps its objects in a temporary folder and checks signatures.

use crate::TestAppBuilder;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const KEY: &str = "a-key";
const SECRET: &str = "a secret";

/// A running server with one bucket. It is stopped when this is dropped.
#[derive(Debug)]
pub struct S3 {
    folder: TempDir,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl S3 {
    /// Its bucket.
    pub const BUCKET: &str = "parlor-files";

    /// Starts it.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(Self::BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, service.build()));
        Self { folder, address, server }
    }

    /// The settings of a server that keeps its files here, in a folder of the bucket.
    #[must_use]
    pub fn configure(&self, app: TestAppBuilder) -> TestAppBuilder {
        app.env("UPLOAD_DIR", format!("s3://{}/some/folder", Self::BUCKET))
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ALLOW_HTTP", true)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
    }

    /// The keys of all objects.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let bucket = self.folder.path().join(Self::BUCKET);
        let mut keys = Vec::new();
        collect(&bucket, "", &mut keys);
        keys
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone());
        tokio::spawn(connection);
    }
}

fn collect(folder: &Path, prefix: &str, keys: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let key = format!("{prefix}{}", entry.file_name().display());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{key}/"), keys);
        } else {
            keys.push(key);
        }
    }
}
