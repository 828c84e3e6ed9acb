//! What a file's content tells, found in one pass over its bytes, of which only the beginning is kept.

use super::kinds::{Content, Kind};
use crate::ports::{BlobError, ByteStream, Checksum, Inspector};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

/// How much of a file tells what it is, in bytes. Formats that are archives tell it by their first entries.
const HEAD: usize = 16 * 1024;

/// What runs in a drawing, in lower case. Who hides it better meets the headers that files are served with: they let
/// nothing run.
const ACTIVE: &[&[u8]] = &[
    b"<script",
    b":script",
    b"javascript:",
    b"<foreignobject",
    b":foreignobject",
    b"<iframe",
    b"<object",
    b"<embed",
    b"<handler",
    b"<!entity",
    b"data:text/html",
];
/// How much of a drawing is carried over from one piece to the next: more than the longest thing that is looked for.
const CARRY: usize = 64;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) size: u64,
    pub(super) checksum: Checksum,
    /// Whether the content is of the kind that it was declared to be.
    pub(super) fits: bool,
}

/// Reads a file to its end.
pub(super) async fn examine(
    mut file: ByteStream,
    kind: &Kind,
    inspector: &dyn Inspector,
) -> Result<Findings, BlobError> {
    let mut found = Examination::default();
    while let Some(piece) = file.next().await {
        found.take(&piece?, kind);
    }
    let sniffed = inspector.sniff(&found.head);
    let fits = match kind.content {
        Content::Sniffed(types) => sniffed.is_some_and(|sniffed| types.contains(&sniffed)),
        // A text may begin as a format does ("BMW" as a bitmap), but none of these is without such bytes.
        Content::Text => !found.is_binary,
        Content::Drawing => !found.is_binary && !found.is_active && found.is_drawing(),
    };
    Ok(Findings { size: found.size, checksum: Checksum(found.hash.finalize().into()), fits })
}

/// Whether a byte stands in no text: a control character that is no white space, and no beginning of a colour.
const fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)
}

#[derive(Default)]
struct Examination {
    hash: Sha256,
    size: u64,
    head: Vec<u8>,
    /// Whether something is no text.
    is_binary: bool,
    /// The end of the pieces before, in lower case.
    carried: Vec<u8>,
    is_active: bool,
}

impl Examination {
    fn take(&mut self, piece: &[u8], kind: &Kind) {
        self.hash.update(piece);
        self.size += piece.len() as u64;
        let room = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(&piece[..room]);
        if matches!(kind.content, Content::Sniffed(_)) {
            return;
        }
        self.is_binary |= piece.iter().any(|byte| is_control(*byte));
        if kind.content == Content::Drawing {
            self.carried.extend(piece.iter().map(u8::to_ascii_lowercase));
            self.is_active |= is_active(&self.carried);
            self.carried.drain(..self.carried.len().saturating_sub(CARRY));
        }
    }

    fn is_drawing(&self) -> bool {
        let head = self.head.to_ascii_lowercase();
        head.windows(4).any(|it| it == b"<svg") || head.windows(5).any(|it| it == b":svg ")
    }
}

fn is_active(text: &[u8]) -> bool {
    let says = |word: &&[u8]| text.windows(word.len()).any(|it| it == *word);
    ACTIVE.iter().any(says) || has_handler(text)
}

/// An attribute whose name begins with `on`: every one of these is a handler of an event.
fn has_handler(text: &[u8]) -> bool {
    text.windows(3).enumerate().any(|(at, start)| {
        let begins =
            matches!(start[0], b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'"' | b'\'') && &start[1..] == b"on";
        begins && {
            let mut rest = text[at + 3..].iter().skip_while(|it| it.is_ascii_lowercase());
            let next = rest.find(|it| !it.is_ascii_whitespace());
            text.get(at + 3).is_some_and(u8::is_ascii_lowercase) && next == Some(&b'=')
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    struct Nothing;

    #[async_trait::async_trait]
    impl Inspector for Nothing {
        fn sniff(&self, head: &[u8]) -> Option<&'static str> {
            head.starts_with(b"\x89PNG").then_some("image/png")
        }

        async fn preview(&self, _: Bytes) -> Option<Bytes> {
            None
        }
    }

    async fn fits(name: &str, content: &[u8], piece: usize) -> bool {
        let pieces: Vec<_> = content.chunks(piece).map(|it| Ok(Bytes::copy_from_slice(it))).collect();
        let kind = Kind::of(name, "").unwrap();
        let found = examine(futures_util::stream::iter(pieces).boxed(), kind, &Nothing).await.unwrap();
        assert_eq!((found.size, found.checksum.0), (content.len() as u64, Sha256::digest(content).into()));
        found.fits
    }

    /// Protects from files that are not what they say, however their bytes are cut into pieces.
    #[tokio::test]
    async fn content_must_fit() {
        let svg = |inner: &str| {
            format!("<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\">{inner}</svg>")
        };
        for piece in [1, 7, 4096] {
            assert!(fits("a.png", b"\x89PNG and more", piece).await);
            assert!(!fits("a.png", b"<html><script>alert(1)</script>", piece).await);
            assert!(fits("a.txt", "plain, größe".as_bytes(), piece).await);
            assert!(!fits("a.txt", b"\x89PNG\r\n\x1a\n", piece).await);
            assert!(!fits("a.txt", b"a\0b", piece).await);
            assert!(fits("a.txt", b"BMW, and \x1b[1mbold\x1b[0m", piece).await);
            assert!(fits("a.svg", svg("<path d=\"M0 0\"/>").as_bytes(), piece).await);
            assert!(fits("a.svg", svg("<text>once on time = now</text>").as_bytes(), piece).await);
            assert!(!fits("a.svg", b"no drawing", piece).await);
            for active in [
                "<script>alert(1)</script>",
                "<SCRIPT/>",
                "<svg:script>",
                "<a href=\"javascript:alert(1)\"/>",
                "<g onload = 'x()'/>",
                "<g\nONCLICK=\"x()\"/>",
                "<foreignObject><p/></foreignObject>",
                "<!ENTITY x 'y'>",
            ] {
                assert!(!fits("a.svg", svg(active).as_bytes(), piece).await, "{active} in pieces of {piece}");
            }
        }
    }
}
