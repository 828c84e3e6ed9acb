//! Documents, their passages, and how the nearest are found.
//!
//! - `documents`: who has which, and what of them is to be made ready.
//! - `index`: their passages and vectors, all of a document's in one transaction.
//! - `near`: the passages nearest to a vector, of those documents alone that may be looked at.
//! - `vectors`: vectors as bytes, and what is nearest among them.
//! - `pgvector`: the same by an index of PostgreSQL's extension, where it is there and the documents are many.

pub(crate) mod documents;
pub(crate) mod index;
pub(crate) mod near;
pub(crate) mod pgvector;
pub(crate) mod vectors;
