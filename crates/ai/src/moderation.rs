//! Who judges texts: moderators behind the domain's [`Moderator`](parlor_domain::ports::Moderator) port.
//!
//! - [`RuleList`] is a list of words and patterns that the operator keeps: it asks nobody.
//! - [`OpenAiModerator`] asks a server with `OpenAI`'s moderation API.
//! - [`Both`] asks the list first, and the server where the list has nothing against a text.

mod both;
mod openai;
mod rules;

pub use both::Both;
pub use openai::OpenAiModerator;
pub use rules::{InvalidRules, RuleList};
