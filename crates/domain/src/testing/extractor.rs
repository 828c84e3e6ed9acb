//! A reader of files that are texts.

use crate::ports::{ExtractError, Extractor};
use async_trait::async_trait;
use bytes::Bytes;

/// An [`Extractor`] for UTF-8 of any `text/…`.
#[derive(Debug, Default, Clone, Copy)]
pub struct PlainExtractor;

#[async_trait]
impl Extractor for PlainExtractor {
    async fn extract(&self, content: Bytes, content_type: &str, most: usize) -> Result<String, ExtractError> {
        if !content_type.starts_with("text/") {
            return Err(ExtractError::Type);
        }
        if content.len() > most {
            return Err(ExtractError::TooLarge);
        }
        String::from_utf8(content.to_vec()).map_err(|_| ExtractError::Broken("it is not UTF-8".to_owned()))
    }
}
