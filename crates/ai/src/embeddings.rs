//! What makes vectors of texts: behind the domain's [`Embedder`](parlor_domain::ports::Embedder) port.
//!
//! - [`HashedNgrams`] is built in: no key, no network, no download.
//! - [`OpenAiEmbedder`] asks a server that has `OpenAI`'s `/embeddings`: theirs, Ollama, vLLM, llama.cpp and others.
//!
//! ```
//! use parlor_ai::embeddings::HashedNgrams;
//! use parlor_domain::ports::Embedder;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let texts = ["The harbour freezes in January.", "When does the harbour freeze?", "Bread needs salt."];
//! let made = HashedNgrams.embed(&texts.map(str::to_owned), HashedNgrams::MODEL).await.unwrap();
//! let cosine = |a: usize, b: usize| made.vectors[a].iter().zip(&made.vectors[b]).map(|(x, y)| x * y).sum::<f32>();
//! assert!(cosine(0, 1) > HashedNgrams.relevance() && cosine(2, 1) < HashedNgrams.relevance());
//! # });
//! ```

mod hashed;
mod openai;
mod wire;

pub use hashed::HashedNgrams;
pub use openai::{EmbedderConfig, OpenAiEmbedder};
