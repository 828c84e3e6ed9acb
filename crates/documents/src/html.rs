//! The text of HTML: what a reader sees, in paragraphs, without scripts and styles.

use html2text::config;
use parlor_domain::ports::ExtractError;

/// Lines are not to be wrapped: paragraphs of documents are cut by their sentences.
const WIDTH: usize = 1_000_000;

pub(super) fn text(html: &str) -> Result<String, ExtractError> {
    let reader = config::plain_no_decorate().no_table_borders().allow_width_overflow();
    let read = reader.string_from_read(html.as_bytes(), WIDTH);
    let text =
        read.map_err(|error| ExtractError::Broken(format!("it is no HTML that can be read: {error}")))?;
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(html: &str, expect: &str) {
        assert_eq!(text(html).as_deref(), Ok(expect), "{html}");
    }

    #[test]
    fn what_a_reader_sees_stands_in_paragraphs() {
        check("<p>One <b>two</b>\n three.</p>Four<br>five", "One two three.\n\nFour\nfive");
        check("<H2 class='a>b'>T&auml;&#x69;l</H2><ul><li>a<li>b</ul>", "## Täil\n* a\n* b");
        check("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc");
        check("a < b && c &unknown; &", "a < b && c &unknown; &");
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
        /// Protects whoever reads it from every page: it is read to its end.
        #[test]
        fn any_page_is_read(page in "(<|>|/|script|p|table|td|ul|li|&|;|#|!--|--|'|\"|é| |\\PC){0,120}") {
            prop_assert!(text(&page).is_ok());
        }
    }
}
