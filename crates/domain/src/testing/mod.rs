//! The world that the domain needs, in memory: for the domain's own tests, and for those of whoever embeds it.

mod backend;
mod clock;
mod embedder;
mod extractor;
mod files;
mod hub;
mod moderator;
mod prompts;
pub mod store;

pub use backend::{Script, ScriptedBackend};
pub use clock::ManualClock;
pub use embedder::WordEmbedder;
pub use extractor::PlainExtractor;
pub use files::{MemoryFiles, TEST_UNSCANNABLE, TEST_VIRUS};
pub use hub::{TestHub, TrustingAuthenticator};
pub use moderator::{Mood, WordModerator};
pub use prompts::PlainPrompts;
pub use store::{MemoryStore, WriteFault};
