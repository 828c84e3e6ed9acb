//! The kinds of providers: which API a server speaks.

use std::str::FromStr;

/// Which API a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `OpenAI`'s chat completions, which Ollama, vLLM, llama.cpp and most gateways speak too.
    OpenAi,
    /// Anthropic's Messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Anthropic, Self::Gemini];

    /// Its word in settings: `openai`, `anthropic` or `gemini`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// The company's own server. `OpenAI`'s has its version in it, as clients of that API expect it.
    pub const fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
            Self::Gemini => "https://generativelanguage.googleapis.com",
        }
    }

    /// A small model of the company's own: the one of a provider that names none.
    pub const fn default_model(self) -> &'static str {
        match self {
            Self::OpenAi => "gpt-4o-mini",
            Self::Anthropic => "claude-haiku-4-5",
            Self::Gemini => "gemini-2.5-flash",
        }
    }
}

impl Kind {
    /// The company's models that look at images. Servers of one's own serve others: their operator names those.
    pub(crate) const fn seeing(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi => &[
                "gpt-4o*",
                "chatgpt-4o*",
                "gpt-4.1*",
                "gpt-4-turbo*",
                "gpt-5*",
                "o1",
                "o1-2*",
                "o3",
                "o3-2*",
                "o4-mini*",
            ],
            Self::Anthropic => &["claude-*"],
            Self::Gemini => &["gemini-*"],
        }
    }
}

/// A word that is no [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of openai, anthropic, gemini")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or(UnknownKind)
    }
}
