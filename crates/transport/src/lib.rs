//! Parlor on the wire: WebSocket endpoints and HTTP routes over one domain.
//!
//! Where it stands in a message's way: first and last. A frame is read, a dialect turns it into a command, the domain
//! does it; what the domain pushes is turned into frames, once a dialect, and written.
//!
//! - [`Server`] serves a listener, and drains.
//! - [`Server::router`] gives the routes alone, for who has a server already.
//!
//! ```
//! use parlor_domain::testing::TestHub;
//! use parlor_transport::{Options, Server};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! let domain = TestHub::start().await;
//! let server = Server::new(domain.hub.clone(), Options::default());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! server.serve(listener, async { /* returns when it is time to stop */ }).await;
//! # Ok(()) }
//! ```
//!
//! # To add a dialect over WebSocket
//!
//! Add its frames to `parlor-protocol`, a file to `dialect/` with an implementation of its trait (pure functions) and
//! an encoding slot of its own, and a line to the table of endpoints in `http/mod.rs`. Nothing else knows of it.

mod address;
mod dialect;
mod frame;
mod http;
mod live;
mod patience;
mod server;
mod socketio;
mod traffic;
mod ws;

pub use address::{InvalidNetwork, Network};
pub use server::{Options, Server};
