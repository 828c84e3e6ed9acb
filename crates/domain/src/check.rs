//! What a message must be like before anything is done with it.

use crate::command::Draft;
use crate::message::KIND_ASSISTANT;
use crate::{ErrorCode, Refusal};

/// The longest id that a client may give a message, in bytes.
const CLIENT_ID_MAX: usize = 256;
/// The longest `kind`, in bytes.
const KIND_MAX: usize = 32;
/// The longest name of a model, in bytes.
const MODEL_MAX: usize = 128;
/// The longest title made from a message, in characters.
const TITLE_MAX: usize = 50;

/// Checks a draft; `max_text` is in bytes.
pub(crate) fn draft(draft: &Draft, max_text: usize) -> Result<(), Refusal> {
    if draft.content.len() > max_text {
        let words = format!("a message has at most {max_text} bytes");
        return Err(Refusal::new(ErrorCode::MessageTooLong, words));
    }
    if draft.content.trim().is_empty() {
        return Err(Refusal::new(ErrorCode::InvalidMessageContent, "the text is empty"));
    }
    if draft.content.contains('\0') {
        return Err(Refusal::new(ErrorCode::InvalidMessageContent, "the text holds a NUL"));
    }
    let names = [
        (Some(draft.kind.as_str()), KIND_MAX, "the message's type"),
        (draft.client_id.as_deref(), CLIENT_ID_MAX, "the client's message id"),
    ];
    for (word, max, what) in names {
        name(word, max, what)?;
    }
    model(draft.model.as_deref())?;
    if [KIND_ASSISTANT, "system"].contains(&draft.kind.as_str()) {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "only the assistant writes messages of this type",
        ));
    }
    Ok(())
}

/// Checks the name of a model.
pub(crate) fn model(model: Option<&str>) -> Result<(), Refusal> {
    name(model, MODEL_MAX, "the model's name")
}

fn name(name: Option<&str>, max: usize, what: &str) -> Result<(), Refusal> {
    if name.is_some_and(|name| name.is_empty() || name.len() > max || name.contains('\0')) {
        let words = format!("{what} has 1 to {max} bytes and no NUL");
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    Ok(())
}

/// A conversation's title: the beginning of its first message, cut at a word.
pub(crate) fn title_of(content: &str) -> String {
    let mut title = String::new();
    for word in content.split_whitespace() {
        let longer = title.chars().count() + usize::from(!title.is_empty()) + word.chars().count();
        if longer > TITLE_MAX {
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
    }
    if title.is_empty() {
        title = content.trim().chars().take(TITLE_MAX).collect();
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_cut_at_a_word() {
        let check = |content: &str, title: &str| assert_eq!(title_of(content), title);
        check("Hello", "Hello");
        check("  two\n lines ", "two lines");
        check(
            "What is the best workout for absolute beginners, please?",
            "What is the best workout for absolute beginners,",
        );
        check(&"x".repeat(80), &"x".repeat(50));
        check(&"ü".repeat(80), &"ü".repeat(50));
    }
}
