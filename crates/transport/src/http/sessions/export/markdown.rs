//! A session as Markdown (`CommonMark`). What people and the AI wrote stands in fences that it cannot close.

use super::{Form, Heading};
use parlor_domain::message::Message;
use std::fmt::Write;

/// A heading and a fence a message.
#[derive(Default)]
pub(super) struct Markdown {
    messages: u64,
}

impl Form for Markdown {
    fn begin(&mut self, heading: &Heading, text: &mut String) {
        let summary = &heading.entry.summary;
        text.push_str("# ");
        inline(&summary.title, text);
        // Writing to a `String` never fails.
        let _ = write!(text, "\n\nSession {}, begun {}.\n", summary.id, heading.entry.created_at);
    }

    fn message(&mut self, message: Message, text: &mut String) {
        self.messages += 1;
        text.push_str("\n## ");
        inline(message.author_name.as_deref().unwrap_or("assistant"), text);
        let _ = write!(text, ", {}\n\n", message.created_at);
        if message.deleted_at.is_some() {
            text.push_str("*deleted*\n");
        } else {
            fenced(&message.content, text);
        }
        if let Some(status) = super::unusual_end(&message) {
            let _ = write!(text, "\n*{status}*\n");
        }
    }

    fn end(&mut self, text: &mut String) {
        let _ = write!(text, "\n---\n\n{} messages.\n", self.messages);
    }
}

/// A text in a line: what could mean something is escaped (`CommonMark` §2.4), and no line ends.
fn inline(words: &str, text: &mut String) {
    for character in words.chars() {
        match character {
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => text.push(' '),
            _ if character.is_ascii_punctuation() => text.extend(['\\', character]),
            _ => text.push(character),
        }
    }
}

/// A text in a fence that is longer than any in it (`CommonMark` §4.5).
fn fenced(content: &str, text: &mut String) {
    let longest = content.split(|it| it != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    let _ = write!(text, "{fence}\n{content}\n{fence}\n");
}
