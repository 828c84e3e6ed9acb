//! Parlor inside another program: a domain that lives in memory, served beside a route of one's own.
//!
//! `cargo run -p parlor-transport --example embed` prints a token; connect with it to
//! `ws://127.0.0.1:8000/api/v1/chat/ws?token=…`. For real use, give [`Hub::start`] the store of `parlor-store`, the
//! authenticator of `parlor-accounts` and the backends of `parlor-ai`.

use axum::routing::get;
use parlor_domain::testing::TestHub;
use parlor_domain::{Hub, Settings};
use parlor_transport::{Options, Server};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let domain = TestHub::with(Settings::default()).await;
    println!("token: {}", domain.user("ann@example.org").await);

    let hub: Hub = domain.hub.clone();
    let parlor = Server::new(hub, Options::default()).router();
    let app = axum::Router::new().route("/", get(async || "my own page")).merge(parlor);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    println!("listening on {}", listener.local_addr()?);
    tokio::select! {
        served = axum::serve(listener, app) => served?,
        stop = tokio::signal::ctrl_c() => stop?,
    }
    domain.hub.drain(std::time::Duration::from_secs(5)).await;
    domain.hub.shutdown().await;
    Ok(())
}
