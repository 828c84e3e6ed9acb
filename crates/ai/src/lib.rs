//! What answers a turn: backends behind the domain's [`Backend`](parlor_domain::ports::Backend) port.
//!
//! Where it stands in a message's way: the domain opens a turn, asks a backend for a stream, and hands its pieces
//! on. A backend knows neither conversations nor time limits; it turns a context into text and reports figures.
//! Dropping the stream is how the domain tells it to stop.
//!
//! - [`Demo`] needs no key and no network, and makes a reply that is good for trying things out.
//! - [`Provider`] talks to a server over HTTP, by the API that its [`Kind`] names: [`openai`] (which Ollama, vLLM,
//!   llama.cpp and others speak too), [`anthropic`] or [`gemini`].
//! - [`moderation`] judges texts, behind the domain's [`Moderator`](parlor_domain::ports::Moderator) port.
//! - [`embeddings`] are vectors of texts: a built-in embedder, and a client of servers that have better ones.
//! - [`prompts`] fills in the instructions of assistants, behind its [`Prompts`](parlor_domain::ports::Prompts) port.
//! - [`sse`] decodes the event streams that such servers answer with.
//!
//! Tools that a client brings are passed on to servers with `OpenAI`'s API alone, in whose words clients speak of them.
//! The others refuse such a turn with status 400 before anything is sent, so that the next backend is asked.
//!
//! To add a provider: a [`Kind`], and a folder beside `openai` with
//!
//! - its request: what the body says, made of a `Question` (and of `provider::turns` where two sides take turns);
//! - its events, as types of serde in which nearly everything may be missing;
//! - its parser, which tells the `Reply` what an event says;
//! - and the `Api` that holds them together: the endpoint and the headers.
//!
//! The client, reading, limits and errors are there (`provider/`). Its recorded streams go into `tests/streams`.
//!
//! ```
//! use futures_util::StreamExt;
//! use parlor_ai::Demo;
//! use parlor_domain::ports::{Backend, ContextMessage, Delta, Speaker, TurnRequest};
//! use parlor_domain::UserId;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let question = ContextMessage::new(Speaker::User, "echo good morning");
//! let request = TurnRequest::new(UserId::new(), vec![question]);
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

pub mod anthropic;
pub mod demo;
pub mod embeddings;
pub mod gemini;
pub mod moderation;
pub mod openai;
pub mod prompts;
pub mod provider;
pub mod sse;

pub use demo::Demo;
pub use provider::{InvalidConfig, Kind, Provider, ProviderConfig, UnknownKind};
