//! Conversations that are no rooms, as their participants find them afterwards. (What a live conversation needs is in
//! `conversations` and `messages`.)
//!
//! - `entries`: one conversation, and lists of them; what was deleted comes back here.
//! - `exchanges`: the log with all that is kept beside it: questions with their answers, and exports.
//! - `search`: an index of words, which is behind the log and catches up when somebody searches.
//! - `purge`: what was deleted goes for good.

pub(crate) mod entries;
pub(crate) mod exchanges;
pub(crate) mod purge;
pub(crate) mod search;
