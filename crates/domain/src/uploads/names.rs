//! What a file is called. The name is only ever shown: bytes are kept under the file's id.

use crate::{ErrorCode, Refusal};

/// The longest name, in bytes: what most file systems take.
const NAME_MAX: usize = 255;

/// A name that can be shown and saved: the last part of a path, without characters that nobody sees or that turn the
/// direction of writing (`exe.png` may be written `gnp.exe`). Error: `INVALID_REQUEST` where there is a NUL in it, and
/// where nothing is left or more than 255 bytes.
pub(super) fn clean(name: &str) -> Result<String, Refusal> {
    let refuse = || Refusal::new(ErrorCode::InvalidRequest, "a file's name has 1 to 255 bytes and no NUL");
    if name.contains('\0') {
        return Err(refuse());
    }
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = last.chars().filter(|it| !is_unseen(*it)).collect();
    let name = seen.trim().trim_end_matches(['.', ' ']);
    let fits = (1..=NAME_MAX).contains(&name.len());
    if fits { Ok(name.to_owned()) } else { Err(refuse()) }
}

/// Control characters, marks of direction (UAX #9) and what has no width.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// What stands behind the last point of a name, in lower case.
pub(super) fn extension(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty()).then(|| extension.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects who saves a file: its name is no path, and looks like what it is.
    #[test]
    fn names_are_plain() {
        let check = |name: &str, expect: Option<&str>| {
            assert_eq!(clean(name).ok().as_deref(), expect, "{name:?}");
        };
        check("report.pdf", Some("report.pdf"));
        check("größe 数.png", Some("größe 数.png"));
        check("../../etc/passwd.txt", Some("passwd.txt"));
        check("C:\\Users\\ann\\notes.md", Some("notes.md"));
        check("/etc/cron.d/x.txt", Some("x.txt"));
        check("inv\u{202e}gnp.exe", Some("invgnp.exe"));
        check("a\u{200b}\r\nb.txt", Some("ab.txt"));
        check(" a.txt. ", Some("a.txt"));
        check("a\0.png", None);
        for nothing in ["", ".", "..", "../..", "a/", "\u{202e}", "  "] {
            check(nothing, None);
        }
        check(&"x".repeat(10_000), None);
        check(&format!("{}.txt", "x".repeat(251)), Some(&format!("{}.txt", "x".repeat(251))));
        check(&format!("{}.txt", "x".repeat(252)), None);
    }

    #[test]
    fn extensions_are_what_stands_last() {
        let check = |name: &str, expect: Option<&str>| assert_eq!(extension(name).as_deref(), expect);
        check("a.PNG", Some("png"));
        check("a.tar.gz", Some("gz"));
        check(".png", None);
        check("a", None);
    }
}
