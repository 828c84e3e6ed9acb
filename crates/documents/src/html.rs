//! The text of HTML: what a reader sees, in paragraphs, without scripts and styles. One pass, whatever the page holds.

/// Elements whose content is nothing to read.
const UNREAD: &[&str] = &["script", "style", "noscript", "template", "svg", "iframe", "object", "head"];
/// Elements that begin and end paragraphs.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];
/// The named characters that are worth knowing (HTML, Named character references).
const NAMED: &[(&str, &str)] = &[
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("ndash", "–"),
    ("mdash", "—"),
    ("hellip", "…"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("bdquo", "„"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("bull", "•"),
    ("middot", "·"),
    ("copy", "©"),
    ("reg", "®"),
    ("trade", "™"),
    ("deg", "°"),
    ("euro", "€"),
    ("pound", "£"),
    ("sect", "§"),
    ("times", "×"),
    ("plusmn", "±"),
    ("shy", ""),
    ("auml", "ä"),
    ("ouml", "ö"),
    ("uuml", "ü"),
    ("Auml", "Ä"),
    ("Ouml", "Ö"),
    ("Uuml", "Ü"),
    ("szlig", "ß"),
    ("eacute", "é"),
    ("egrave", "è"),
    ("ecirc", "ê"),
    ("agrave", "à"),
    ("aacute", "á"),
    ("acirc", "â"),
    ("ccedil", "ç"),
    ("ntilde", "ñ"),
    ("oacute", "ó"),
    ("iacute", "í"),
    ("uacute", "ú"),
    ("oslash", "ø"),
    ("aring", "å"),
    ("aelig", "æ"),
];

pub(super) fn text(html: &str) -> String {
    let (mut page, mut rest) = (Page::default(), html);
    while let Some(at) = rest.find('<') {
        page.say(&rest[..at]);
        rest = page.markup(&rest[at..]);
    }
    page.say(rest);
    page.text.truncate(page.text.trim_end().len());
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
    /// What must stand before the next word.
    gap: Gap,
    /// What the next word begins with: a heading's or a list's mark.
    mark: &'static str,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Paragraph,
}

impl Page {
    fn say(&mut self, raw: &str) {
        let decoded = decoded(raw);
        for (number, word) in decoded.split(char::is_whitespace).enumerate() {
            if number > 0 {
                self.gap = self.gap.max(Gap::Space);
            }
            if word.is_empty() {
                continue;
            }
            if !self.text.is_empty() {
                self.text.push_str(match self.gap {
                    Gap::None => "",
                    Gap::Space => " ",
                    Gap::Line => "\n",
                    Gap::Paragraph => "\n\n",
                });
            }
            self.text.push_str(std::mem::take(&mut self.mark));
            self.text.push_str(word);
            self.gap = Gap::None;
        }
    }

    /// Reads what begins with `<`. Gives what follows it.
    fn markup<'a>(&mut self, rest: &'a str) -> &'a str {
        if let Some(comment) = rest.strip_prefix("<!--") {
            return comment.find("-->").map_or("", |end| &comment[end + 3..]);
        }
        let inner = &rest[1..];
        let closes = inner.starts_with('/');
        let named = inner.strip_prefix('/').unwrap_or(inner);
        let length = named.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let name = named[..length].to_ascii_lowercase();
        if name.is_empty() && !closes && !inner.starts_with(['!', '?']) {
            // A sign, and no markup.
            self.say("<");
            return inner;
        }
        let after = behind_tag(&named[length..]);
        if !closes && UNREAD.contains(&&*name) {
            return behind_element(after, &name);
        }
        self.element(&name, closes);
        after
    }

    fn element(&mut self, name: &str, closes: bool) {
        let heading = ["h1", "h2", "h3", "h4", "h5", "h6"].iter().position(|it| *it == name);
        if let Some(level) = heading {
            self.gap = Gap::Paragraph;
            self.mark = if closes { "" } else { ["# ", "## ", "### ", "#### ", "##### ", "###### "][level] };
        } else if BLOCKS.contains(&name) {
            self.gap = Gap::Paragraph;
            self.mark = "";
        } else if name == "li" {
            self.gap = self.gap.max(Gap::Line);
            self.mark = if closes { "" } else { "- " };
        } else if name == "br" {
            self.gap = self.gap.max(Gap::Line);
        } else if matches!(name, "td" | "th" | "option") {
            self.gap = self.gap.max(Gap::Space);
        }
    }
}

/// What follows a tag, of which `rest` is the part behind its name. A `>` in quotes does not end it.
fn behind_tag(rest: &str) -> &str {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return &rest[at + 1..],
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    ""
}

/// What follows the end of an element that is not read; nothing where it does not end.
fn behind_element<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = rest[from..].find("</") {
        let tail = &rest[from + at + 2..];
        if tail.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name)) {
            return behind_tag(&tail[name.len()..]);
        }
        from += at + 2;
    }
    ""
}

/// A text with the characters that its references stand for.
fn decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let name =
            rest.bytes().skip(1).take(32).position(|it| it == b';').map(|end| (&rest[1..=end], end + 2));
        match name.and_then(|(name, length)| Some((reference(name)?, length))) {
            Some((character, length)) => {
                decoded.push_str(&character);
                rest = &rest[length..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn reference(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|it| *it != '\0').map(String::from);
    }
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, character)| (*character).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(html: &str, expect: &str) {
        assert_eq!(text(html), expect, "{html}");
    }

    #[test]
    fn what_a_reader_sees_stands_in_paragraphs() {
        check("<p>One <b>two</b>\n three.</p>Four<br>five", "One two three.\n\nFour\nfive");
        check("<H2 class='a>b'>T&auml;&#x69;l</H2><ul><li>a<li>b</ul>", "## Täil\n\n- a\n- b");
        check("<table><tr><td>a<td>b<tr><td>c</table>", "a b\n\nc");
        check("a < b && c &unknown; &#0; &#xD800; &", "a < b && c &unknown; &#0; &#xD800; &");
    }

    /// Protects replies from what nobody wrote to be read.
    #[test]
    fn scripts_styles_and_comments_are_left_out() {
        check("a<script>if (1 < 2) alert('</p>')</SCRIPT >b", "ab");
        check("<head><title>x</title><style>p{}</style></head><body>a<!-- <p>b --> c", "a c");
        check("<!doctype html><?xml x?>a<template>b</template>", "a");
        for open in ["a<script>b", "a<!-- b", "a<p title=\"b", "a<script>b</scrip"] {
            check(open, "a");
        }
    }

    proptest! {
        /// Protects the server from every page: it is read to its end, and no longer than it is.
        #[test]
        fn any_page_is_read(page in "(<|>|/|script|p|&|;|#|!--|--|'|\"|é| |\\PC){0,120}") {
            prop_assert!(text(&page).len() <= page.len() * 3 + 8);
        }
    }
}
