//! The text of files that people add as documents: the domain's [`Extractor`](parlor_domain::ports::Extractor).
//!
//! Strangers make these files. Plain texts are read here. HTML and PDF are formats in which a small file can ask for any
//! amount of time, memory and depth: they are read by a child process, which has little of each ([`Extracting`]), and
//! whatever becomes of it, the server goes on.
//!
//! ```
//! let text = parlor_documents::text(b"<h1>Tides</h1><p>Twice a day.<script>alert(1)</script>", "text/html", 1_000).unwrap();
//! assert_eq!(text, "# Tides\n\nTwice a day.");
//! ```

mod child;
mod html;
mod pdf;

pub use child::{Extracting, extract_here};

use parlor_domain::ports::ExtractError;

/// The text of `content`, at most `most` bytes of it, read here and now. Let an [`Extracting`] read those of strangers.
///
/// Errors: the type is none of `text/plain`, `text/markdown`, `text/html` (also `application/xhtml+xml`) and
/// `application/pdf`; it is not of that type; the text is longer.
pub fn text(content: &[u8], content_type: &str, most: usize) -> Result<String, ExtractError> {
    let text = match content_type {
        "application/pdf" => pdf::text(content, most)?,
        "text/html" | "application/xhtml+xml" => html::text(&utf8(content)?)?,
        plain if is_plain(plain) => utf8(content)?,
        _ => return Err(ExtractError::Type),
    };
    if text.len() > most { Err(ExtractError::TooLarge) } else { Ok(text) }
}

fn is_plain(content_type: &str) -> bool {
    matches!(content_type, "text/plain" | "text/markdown" | "text/x-markdown")
}

/// Text as people save it: UTF-8, with or without a mark at its beginning.
fn utf8(content: &[u8]) -> Result<String, ExtractError> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let text =
        std::str::from_utf8(content).map_err(|_| ExtractError::Broken("it is not UTF-8".to_owned()))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_and_nothing_else_is_guessed() {
        assert_eq!(text(b"\xef\xbb\xbf# a\n", "text/markdown", 9).as_deref(), Ok("# a\n"));
        assert_eq!(text(b"1234567890", "text/plain", 9), Err(ExtractError::TooLarge));
        assert!(matches!(text(b"\xff\xfe", "text/plain", 9), Err(ExtractError::Broken(_))));
        assert!(matches!(text(b"no pdf", "application/pdf", 9), Err(ExtractError::Broken(_))));
        for other in ["", "image/png", "application/octet-stream", "text/css"] {
            assert_eq!(text(b"a", other, 9), Err(ExtractError::Type), "{other}");
        }
    }
}
