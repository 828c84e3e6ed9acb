//! The text of PDF, page by page.

use lopdf::Document;
use parlor_domain::ports::ExtractError;

pub(super) fn text(content: &[u8], most: usize) -> Result<String, ExtractError> {
    let broken = |error: lopdf::Error| ExtractError::Broken(short(&error.to_string()));
    let document = Document::load_mem(content).map_err(broken)?;
    if document.is_encrypted() {
        return Err(ExtractError::Broken("it is encrypted".to_owned()));
    }
    let mut text = String::new();
    for number in document.get_pages().into_keys() {
        // One page that cannot be read does not cost the others.
        let Ok(page) = document.extract_text(&[number]) else { continue };
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(page.trim());
        if text.len() > most {
            return Err(ExtractError::TooLarge);
        }
    }
    Ok(text)
}

/// An error's words as one short line.
fn short(words: &str) -> String {
    words.chars().filter(|it| !it.is_control()).take(120).collect()
}
