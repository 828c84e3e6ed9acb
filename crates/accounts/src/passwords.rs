//! Passwords: what may be one, and how it is kept.

mod hashing;
mod rules;

pub use hashing::{InvalidHashing, is_password_hash};
pub(crate) use hashing::{Passwords, Verdict};
pub(crate) use rules::{check_given, check_new};
