//! A session as one page of HTML that needs nothing else, runs nothing and loads nothing.

use super::{Form, Heading};
use parlor_domain::message::{Author, Message};
use std::fmt::Write;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;\
                     color:#1a1a1a;background:#fff}\
                     article{margin:1rem 0;padding:.75rem 1rem;border-radius:.5rem;background:#f2f2f2}\
                     article.user{background:#e6f0ff}\
                     pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere;margin:.25rem 0 0}\
                     header,footer{color:#555;font-size:.875rem}";

/// Nothing is loaded or run: our own style alone, by its hash, is let in (CSP Level 3 §6.7.3). The first part is the
/// page's own; a browser that shows it from here keeps it from everything else of this origin, too.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'sha256-524WHG7Iv2DXUts+f68RRF8avaltXT2S9YO4r0eVH3w='; base-uri 'none'; form-action 'none'; sandbox";

/// An article a message.
#[derive(Default)]
pub(super) struct Html {
    messages: u64,
}

impl Form for Html {
    fn begin(&mut self, heading: &Heading, text: &mut String) {
        let summary = &heading.entry.summary;
        let mut title = String::new();
        escape(&summary.title, &mut title);
        // In the page itself a sandbox is not allowed (CSP Level 3 §3.3).
        let policy = POLICY.trim_end_matches("; sandbox");
        // Writing to a `String` never fails.
        let _ = write!(
            text,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
             <header>Session {}, begun {}</header>\n",
            summary.id, heading.entry.created_at
        );
    }

    fn message(&mut self, message: Message, text: &mut String) {
        self.messages += 1;
        let class = if message.author == Author::Assistant { "assistant" } else { "user" };
        let _ = write!(text, "<article class=\"{class}\">\n<header>");
        escape(message.author_name.as_deref().unwrap_or("assistant"), text);
        let at = message.created_at;
        let _ = write!(text, ", <time datetime=\"{at}\">{at}</time>");
        if let Some(status) = super::unusual_end(&message) {
            let _ = write!(text, ", {status}");
        }
        text.push_str("</header>\n");
        if message.deleted_at.is_some() {
            text.push_str("<em>deleted</em>");
        } else {
            // The first line's end in it is not shown, and so takes none of the text's own.
            text.push_str("<pre>\n");
            escape(&message.content, text);
            text.push_str("</pre>");
        }
        text.push_str("\n</article>\n");
    }

    fn end(&mut self, text: &mut String) {
        let _ = write!(text, "<footer>{} messages</footer>\n</body>\n</html>\n", self.messages);
    }
}

/// Adds `words` to `html` so that nothing in them is a tag, an entity or the end of an attribute.
pub(in crate::http::sessions) fn escape(words: &str, html: &mut String) {
    for character in words.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(character),
        }
    }
}
