//! The world that the domain needs, in memory: for the domain's own tests, and for those of whoever embeds it.

pub mod store;

pub use store::{MemoryStore, WriteFault};
