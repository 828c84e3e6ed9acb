//! The `rooms` dialect at its endpoint.

mod authorisation;
mod changes;
mod clients;
mod dialects;
mod drain;
mod entry;
mod http;
mod limits;
mod live;
mod offline;
mod presence;
mod property;
mod receipts;
mod replies;
mod talking;
mod tokens;
