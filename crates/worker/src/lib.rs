//! An AI worker: serves a [`Backend`](parlor_domain::ports::Backend) to a Parlor server, to which it connects by itself
//! (the `broker` dialect, `GET /ws`). So the AI may run where nobody can connect to: behind a firewall, on a laptop.
//!
//! Where it stands in a message's way: the server's domain gives a turn to the worker as it would to an LLM API that it
//! calls. The worker asks its backend and sends the pieces back as they come. What is stored and who sees it is the
//! server's business; a worker keeps nothing.
//!
//! - [`Worker::run`] connects, and connects again whenever the connection is lost, until it is told to stop.
//! - At most [`capacity`](WorkerConfig::capacity) replies are made at once; as many more may wait as
//!   [`queue`](WorkerConfig::queue) says, and the server is told of the rest at once, so that it asks another.
//! - A reply that nobody wants any more is dropped, and with it its stream; so is every reply of a lost connection,
//!   because the server has given them to others by then.
//!
//! ```no_run
//! use parlor_domain::ports::Backend;
//! use parlor_worker::{Worker, WorkerConfig, WorkerError};
//! use std::sync::Arc;
//!
//! async fn serve(backend: Arc<dyn Backend>, stop: impl Future<Output = ()>) -> Result<(), WorkerError> {
//!     let config = WorkerConfig::new("wss://chat.example.org/ws", "a-key-of-24-bytes-or-more");
//!     Worker::new(config, backend)?.run(stop).await
//! }
//! ```

mod backoff;
mod config;
mod connect;
mod desk;
mod heartbeat;
mod order;
mod pieces;
mod reply;
mod session;
mod socket;
mod worker;

pub use config::{InvalidConfig, WorkerConfig};
pub use worker::{Worker, WorkerError};
