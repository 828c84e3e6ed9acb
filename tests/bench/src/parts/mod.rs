//! The parts of the benchmark, each a question of its own.

pub(crate) mod export;
pub(crate) mod fanout;
pub(crate) mod files;
pub(crate) mod idle;
pub(crate) mod joins;
pub(crate) mod relay;
pub(crate) mod retrieval;
pub(crate) mod sends;
pub(crate) mod start;
