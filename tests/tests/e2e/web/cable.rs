//! What stands between a page and its server, and can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How many bytes pass at once.
const PIECE: u32 = 64 * 1024;

/// Passes connections on to a server, whether it is there or not.
pub(super) struct Cable {
    address: SocketAddr,
    cuts: watch::Sender<u32>,
    /// How many bytes pages have sent.
    sent: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Cable {
    pub(super) async fn to(server: SocketAddr) -> Self {
        Self::slow(server, Duration::ZERO).await
    }

    /// One that takes so long for each 64 KiB that a page sends.
    pub(super) async fn slow(server: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, seen) = watch::channel(0);
        let sent = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&sent);
        let task = tokio::spawn(async move {
            while let Ok((mut page, _)) = listener.accept().await {
                let mut cut = seen.clone();
                cut.mark_unchanged();
                let sent = Arc::clone(&counted);
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(server).await else { return };
                    let (from_page, mut to_page) = page.split();
                    let (mut from_server, to_server) = server.split();
                    let both = async {
                        tokio::join!(
                            pass(from_page, to_server, delay, &sent),
                            // An end of its own, as a page's is.
                            async {
                                let _ = copy(&mut from_server, &mut to_page).await;
                                let _ = to_page.shutdown().await;
                            }
                        )
                    };
                    tokio::select! {
                        _ = both => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, cuts, sent, task }
    }

    /// Where pages find the server.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many bytes pages have sent until now.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Breaks every connection that there is. New ones are taken at once.
    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

/// Passes on what a page sends until it ends.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
    sent: &AtomicU64,
) {
    let mut piece = vec![0; PIECE as usize];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        sent.fetch_add(length as u64, Ordering::Relaxed);
        if !delay.is_zero() {
            sleep(delay * u32::try_from(length).unwrap() / PIECE).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}
