//! What reads the text of a file.

use async_trait::async_trait;
use bytes::Bytes;

/// Why a file has no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// Files of this type are not read.
    #[error("documents of this type are not read")]
    Type,
    /// It is not what it says it is, or is broken.
    #[error("the file cannot be read: {0}")]
    Broken(String),
    /// It has more text than a document may, or took too long or too much memory to read.
    #[error("the file is too large to be read")]
    TooLarge,
}

/// Something that reads the text of files. Strangers make them: it neither panics nor goes on for ever, whatever they hold.
#[async_trait]
pub trait Extractor: Send + Sync + 'static {
    /// The text of `content`, which is of `content_type` (without parameters, in lower case), at most `most` bytes of it.
    async fn extract(&self, content: Bytes, content_type: &str, most: usize) -> Result<String, ExtractError>;
}
