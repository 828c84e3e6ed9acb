//! What goes with a file's bytes, so that they run nowhere: they are saved, not shown; where they are shown all the same,
//! they are what they say and in a sandbox.

use axum::http::{HeaderMap, HeaderValue, header};
use parlor_domain::ports::{Checksum, FileRecord};
use std::fmt::Write as _;

/// A page that is made of the file has no origin, no scripts, and loads nothing.
const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'";

/// The tag of a file's content.
pub(super) fn tag(record: &FileRecord) -> String {
    format!("\"{}\"", record.checksum.as_ref().map(Checksum::to_string).unwrap_or_default())
}

/// The headers of a file.
pub(super) fn of(record: &FileRecord) -> HeaderMap {
    let charset = if record.media_type.starts_with("text/") { "; charset=utf-8" } else { "" };
    let kind = format!("{}{charset}", record.media_type);
    let mut headers = plain(&kind);
    headers.insert(header::CONTENT_DISPOSITION, value(&disposition(&record.name)));
    headers.insert(header::ETAG, value(&tag(record)));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers
}

/// The headers of anything that came from a user.
pub(super) fn plain(media_type: &str) -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, value(media_type)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        // Who may read it may change: it is asked for each time, and not sent again where it is there.
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ])
}

fn value(text: &str) -> HeaderValue {
    // All that comes here is visible ASCII.
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// RFC 6266: the name in ASCII for who knows no better, then all of it (RFC 8187).
fn disposition(name: &str) -> String {
    let plain =
        |it: char| if it.is_ascii_graphic() && !"\"\\%;".contains(it) || it == ' ' { it } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let mut text = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            text.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the answer's head from names.
    #[test]
    fn names_stay_in_their_place() {
        let check = |name: &str, expect: &str| assert_eq!(disposition(name), format!("attachment; {expect}"));
        check("a b.txt", "filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt");
        check("größe.png", "filename=\"gr__e.png\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.png");
        check("a\"; x=\\.txt", "filename=\"a__ x=_.txt\"; filename*=UTF-8''a%22%3B%20x%3D%5C.txt");
        check("a\r\nb.txt", "filename=\"a__b.txt\"; filename*=UTF-8''a%0D%0Ab.txt");
    }
}
