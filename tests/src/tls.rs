//! TLS in front of a server, as an operator's proxy ends it there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A proxy on loopback with a certificate of its own; it stops when this is dropped.
#[derive(Debug)]
pub struct TlsProxy {
    port: u16,
    folder: TempDir,
    opened: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl TlsProxy {
    /// Starts it on a free port, before `server`. Its certificate, which nobody else signed, is for the host `name`.
    pub async fn start(server: SocketAddr, name: &str) -> Self {
        let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(certificate(folder.path()), own.cert.pem()).unwrap();
        let acceptor = acceptor(own.cert.der().clone(), own.signing_key.into());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let opened = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(accept(listener, acceptor, server, Arc::clone(&opened)));
        Self { port, folder, opened, task }
    }

    /// Where workers connect to, whatever the certificate says.
    pub fn worker_url(&self) -> String {
        format!("wss://localhost:{}/ws", self.port)
    }

    /// The file that a client trusts who trusts this proxy.
    pub fn certificate(&self) -> PathBuf {
        certificate(self.folder.path())
    }

    /// How many clients have opened a connection to the end, so that they could speak.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn certificate(folder: &Path) -> PathBuf {
    folder.join("certificate.pem")
}

fn acceptor(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, server: SocketAddr, opened: Arc<AtomicUsize>) {
    // Dropped with this task, and its own tasks with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(relay(stream, acceptor.clone(), server, Arc::clone(&opened)));
        while connections.try_join_next().is_some() {}
    }
}

/// Carries one connection. Whoever ends it, or does not trust us, ends it.
async fn relay(stream: TcpStream, acceptor: TlsAcceptor, server: SocketAddr, opened: Arc<AtomicUsize>) {
    let Ok(mut client) = acceptor.accept(stream).await else { return };
    opened.fetch_add(1, Ordering::SeqCst);
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
