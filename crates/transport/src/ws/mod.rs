//! One WebSocket, from its upgrade to its end. The only place that reads and writes sockets.

mod admission;
mod closing;
mod connection;
mod gate;
mod io;
mod life;
mod reader;
mod scan;
mod worker;
mod writer;

pub(crate) use connection::{Connection, Timing};
pub(crate) use gate::Gate;
pub(crate) use io::Socket;

#[cfg(test)]
mod tests;
