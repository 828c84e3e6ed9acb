//! What answers a turn: backends behind the domain's [`Backend`](parlor_domain::ports::Backend) port.
//!
//! Where it stands in a message's way: the domain opens a turn, asks a backend for a stream, and hands its pieces
//! on. A backend knows neither conversations nor time limits; it turns a context into text and reports figures.
//! Dropping the stream is how the domain tells it to stop.
//!
//! - [`Demo`] needs no key and no network, and makes a reply that is good for trying things out.
//! - [`OpenAi`] talks to any server with the chat completions API of `OpenAI`: Ollama, vLLM, llama.cpp and others too.
//! - [`sse`] decodes the event streams that such servers answer with.
//!
//! To add a provider: a file or folder beside `openai` with its configuration, its request and its chunks, an
//! implementation of the port, and its recorded streams in `tests/`.
//!
//! ```
//! use futures_util::StreamExt;
//! use parlor_ai::Demo;
//! use parlor_domain::ports::{Backend, ContextMessage, Delta, Speaker, TurnRequest};
//! use parlor_domain::{ConversationId, MessageId};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let question = ContextMessage::new(Speaker::User, "echo good morning");
//! let request = TurnRequest {
//!     turn: MessageId::new(),
//!     conversation: ConversationId::new(),
//!     model: None,
//!     context: vec![question],
//!     max_tokens: None,
//!     temperature: None,
//! };
//! let mut stream = Demo::with_pace(std::time::Duration::ZERO).open(request).await.unwrap();
//! let mut text = String::new();
//! while let Some(delta) = stream.next().await {
//!     if let Delta::Content(piece) = delta.unwrap() {
//!         text.push_str(&piece);
//!     }
//! }
//! assert_eq!(text, "good morning");
//! # });
//! ```

pub mod demo;
pub mod openai;
pub mod sse;

pub use demo::Demo;
pub use openai::{InvalidConfig, OpenAi, OpenAiConfig};
