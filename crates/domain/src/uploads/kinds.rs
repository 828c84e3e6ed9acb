//! Which files are taken. Each is named by its extension, and must be that by what its client says and by its content.

use super::names;
use crate::{ErrorCode, Refusal};

/// What the content of a kind of file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Its beginning tells one of these media types.
    Sniffed(&'static [&'static str]),
    /// Text: no byte of it is a control character, but for white space.
    Text,
    /// Text that is a drawing, without anything that runs.
    Drawing,
}

/// A kind of file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    extensions: &'static [&'static str],
    /// What it is served as. What a browser could run is served as plain text.
    pub(super) media_type: &'static str,
    /// What clients may call it, beside that and `application/octet-stream`.
    aliases: &'static [&'static str],
    pub(super) content: Content,
}

const fn sniffed(
    extensions: &'static [&'static str],
    media_type: &'static str,
    aliases: &'static [&'static str],
    content: &'static [&'static str],
) -> Kind {
    Kind { extensions, media_type, aliases, content: Content::Sniffed(content) }
}

const fn text(
    extensions: &'static [&'static str],
    media_type: &'static str,
    aliases: &'static [&'static str],
) -> Kind {
    Kind { extensions, media_type, aliases, content: Content::Text }
}

const ZIP: &str = "application/zip";
/// The files of Microsoft's programs before 2007 are all of one format, whose beginning does not tell the program.
const OLE: &[&str] = &[
    "application/x-ole-storage",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
];
/// The formats of one family (ISO/IEC 14496-12), which programs name as they like.
const MPEG4: &[&str] = &["video/mp4", "audio/m4a", "audio/mp4", "video/quicktime", "video/x-m4v"];
const PLAIN: &str = "text/plain";

const KINDS: &[Kind] = &[
    sniffed(&["jpg", "jpeg"], "image/jpeg", &["image/jpg", "image/pjpeg"], &["image/jpeg"]),
    sniffed(&["png"], "image/png", &[], &["image/png"]),
    sniffed(&["gif"], "image/gif", &[], &["image/gif"]),
    sniffed(&["bmp"], "image/bmp", &["image/x-ms-bmp", "image/x-bmp"], &["image/bmp"]),
    sniffed(&["webp"], "image/webp", &[], &["image/webp"]),
    Kind { extensions: &["svg"], media_type: "image/svg+xml", aliases: &[], content: Content::Drawing },
    sniffed(&["pdf"], "application/pdf", &["application/x-pdf"], &["application/pdf"]),
    sniffed(&["rtf"], "application/rtf", &["text/rtf"], &["application/rtf", "text/rtf"]),
    sniffed(&["doc"], "application/msword", &[], OLE),
    sniffed(&["xls"], "application/vnd.ms-excel", &[], OLE),
    sniffed(&["ppt"], "application/vnd.ms-powerpoint", &[], OLE),
    sniffed(
        &["docx"],
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        &[],
        &["application/vnd.openxmlformats-officedocument.wordprocessingml.document", ZIP],
    ),
    sniffed(
        &["xlsx"],
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        &[],
        &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ZIP],
    ),
    sniffed(
        &["pptx"],
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        &[],
        &["application/vnd.openxmlformats-officedocument.presentationml.presentation", ZIP],
    ),
    sniffed(
        &["odt"],
        "application/vnd.oasis.opendocument.text",
        &[],
        &["application/vnd.oasis.opendocument.text", ZIP],
    ),
    sniffed(
        &["ods"],
        "application/vnd.oasis.opendocument.spreadsheet",
        &[],
        &["application/vnd.oasis.opendocument.spreadsheet", ZIP],
    ),
    sniffed(
        &["odp"],
        "application/vnd.oasis.opendocument.presentation",
        &[],
        &["application/vnd.oasis.opendocument.presentation", ZIP],
    ),
    sniffed(&["zip"], ZIP, &["application/x-zip-compressed"], &[ZIP]),
    sniffed(
        &["rar"],
        "application/vnd.rar",
        &["application/x-rar-compressed"],
        &["application/vnd.rar", "application/x-rar-compressed"],
    ),
    sniffed(&["7z"], "application/x-7z-compressed", &[], &["application/x-7z-compressed"]),
    sniffed(&["tar"], "application/x-tar", &["application/tar"], &["application/x-tar"]),
    sniffed(
        &["gz", "tgz"],
        "application/gzip",
        &["application/x-gzip", "application/x-compressed-tar"],
        &["application/gzip"],
    ),
    sniffed(&["mp3"], "audio/mpeg", &["audio/mp3"], &["audio/mpeg"]),
    sniffed(
        &["wav"],
        "audio/wav",
        &["audio/x-wav", "audio/wave", "audio/vnd.wave"],
        &["audio/x-wav", "audio/wav"],
    ),
    sniffed(
        &["ogg"],
        "audio/ogg",
        &["application/ogg", "video/ogg"],
        &["audio/ogg", "video/ogg", "application/ogg"],
    ),
    sniffed(&["m4a"], "audio/mp4", &["audio/m4a", "audio/x-m4a"], MPEG4),
    sniffed(&["flac"], "audio/flac", &["audio/x-flac"], &["audio/x-flac", "audio/flac"]),
    sniffed(&["mp4"], "video/mp4", &[], MPEG4),
    sniffed(&["mov"], "video/quicktime", &[], MPEG4),
    sniffed(&["avi"], "video/x-msvideo", &["video/avi", "video/msvideo"], &["video/x-msvideo"]),
    sniffed(&["wmv"], "video/x-ms-wmv", &[], &["video/x-ms-wmv", "video/x-ms-asf"]),
    sniffed(&["webm"], "video/webm", &["audio/webm"], &["video/webm", "video/x-matroska"]),
    text(&["txt", "log"], PLAIN, &[]),
    text(&["csv"], "text/csv", &["application/csv", "application/vnd.ms-excel"]),
    text(&["md"], "text/markdown", &["text/x-markdown"]),
    text(&["json"], "application/json", &[]),
    text(&["py"], PLAIN, &["text/x-python", "application/x-python-code"]),
    text(&["js", "mjs", "ts"], PLAIN, &["application/javascript", "application/x-javascript", "video/mp2t"]),
    text(&["html", "htm"], PLAIN, &["application/xhtml+xml"]),
    text(&["css", "sql"], PLAIN, &["application/sql"]),
    text(&["xml"], PLAIN, &["application/xml"]),
    text(&["yaml", "yml", "toml"], PLAIN, &["application/yaml", "application/x-yaml", "application/toml"]),
    text(&["rs", "go", "java", "c", "h", "cpp", "hpp", "cs", "rb", "sh"], PLAIN, &["application/x-sh"]),
];

impl Kind {
    /// The kind of a file with this name, which its client calls a `declared`. Error: `FILE_TYPE_NOT_ALLOWED` where there
    /// is none, or it is not called that.
    pub(super) fn of(name: &str, declared: &str) -> Result<&'static Self, Refusal> {
        let kind = names::extension(name)
            .and_then(|extension| KINDS.iter().find(|kind| kind.extensions.contains(&extension.as_str())))
            .ok_or_else(|| Refusal::of(ErrorCode::FileTypeNotAllowed))?;
        let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind.is_called(&declared) {
            return Ok(kind);
        }
        let words = "the file's type is not that of its extension";
        Err(Refusal::new(ErrorCode::FileTypeNotAllowed, words))
    }

    fn is_called(&self, declared: &str) -> bool {
        let of_text = matches!(self.content, Content::Text) && declared.starts_with("text/");
        ["", "application/octet-stream", self.media_type].contains(&declared)
            || of_text
            || self.aliases.contains(&declared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects from files that are not called what they are, and lets browsers call them what they like.
    #[test]
    fn names_and_types_must_fit() {
        let check = |name: &str, declared: &str, fits: bool| {
            assert_eq!(Kind::of(name, declared).is_ok(), fits, "{name} {declared}");
        };
        check("a.png", "image/png", true);
        check("A.PNG", "IMAGE/PNG; q=1", true);
        check("a.png", "", true);
        check("a.png", "application/octet-stream", true);
        check("a.png", "text/html", false);
        check("a.html", "text/html", true);
        check("a.js", "text/javascript", true);
        check("a.csv", "application/vnd.ms-excel", true);
        check("a.exe", "application/octet-stream", false);
        check("png", "image/png", false);
        check("a.png.exe", "image/png", false);
    }

    /// Protects the origin: nothing is served as what a browser runs, whatever it is.
    #[test]
    fn nothing_is_served_as_a_script() {
        for kind in KINDS {
            let word = kind.media_type;
            assert!(!word.contains("html") && !word.contains("script") && !word.contains("css"), "{word}");
            assert!(!word.ends_with("xml") || kind.content == Content::Drawing, "{word}");
            assert!(
                kind.extensions
                    .iter()
                    .all(|it| it.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()))
            );
        }
    }
}
