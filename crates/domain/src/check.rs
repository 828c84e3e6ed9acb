//! What a message must be like before anything is done with it.

use crate::command::{ATTACHMENTS_MAX, CONTENT_TYPE_MAX, Draft, REQUEST_CONTEXT_MAX, RoomDraft, TurnOptions};
use crate::embeddings::EmbeddingDraft;
use crate::knowledge::DocumentDraft;
use crate::message::{Edit, KIND_ASSISTANT};
use crate::ports::{Assistant, UserChange};
use crate::{AssistantId, ErrorCode, Refusal};

/// The longest id that a client may give a message, in bytes.
const CLIENT_ID_MAX: usize = 256;
/// The longest `kind`, in bytes.
const KIND_MAX: usize = 32;
/// The longest name of a model, in bytes.
const MODEL_MAX: usize = 128;
/// The longest instructions of a client's own, in bytes.
const PROMPT_MAX: usize = 16 * 1024;
/// The longest reaction, in bytes: the longest emoji of Unicode 16 have 35.
const EMOJI_MAX: usize = 64;
/// The longest title of a conversation that somebody chooses, in bytes.
const TITLE_BYTES_MAX: usize = 200;
/// The longest name of a room, in bytes.
const ROOM_NAME_MAX: usize = 200;
/// The longest title of a document, in bytes.
const TITLE_OF_DOCUMENT_MAX: usize = 300;
/// The longest username, in bytes.
const USERNAME_MAX: usize = 64;
/// The largest profile, in bytes.
const PROFILE_MAX: usize = 16 * 1024;
/// The longest name of an assistant, in bytes, and the longest that people see of it.
const ASSISTANT_NAME_MAX: usize = 64;
const DISPLAY_NAME_MAX: usize = 200;
/// What every AI is called.
const AI: &str = "ai";
/// The longest title made from a message, in characters.
const TITLE_MAX: usize = 50;

/// Checks a draft; `max_text` is in bytes.
pub(crate) fn draft(draft: &Draft, max_text: usize) -> Result<(), Refusal> {
    content(&draft.content, max_text)?;
    let names = [
        (Some(draft.kind.as_str()), KIND_MAX, "the message's type"),
        (draft.content_type.as_deref(), CONTENT_TYPE_MAX, "the content's type"),
        (draft.client_id.as_deref(), CLIENT_ID_MAX, "the client's message id"),
    ];
    for (word, max, what) in names {
        name(word, max, what)?;
    }
    options(&draft.options)?;
    if draft.attachments.len() > ATTACHMENTS_MAX {
        let words = format!("a message carries at most {ATTACHMENTS_MAX} files");
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    if [KIND_ASSISTANT, "system"].contains(&draft.kind.as_str()) {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "only the assistant writes messages of this type",
        ));
    }
    Ok(())
}

/// Checks how a reply is wanted.
pub(crate) fn options(options: &TurnOptions) -> Result<(), Refusal> {
    name(options.model.as_deref(), MODEL_MAX, "the model's name")?;
    name(options.system_prompt.as_deref(), PROMPT_MAX, "the system prompt")?;
    if options.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "the temperature is from 0 to 2"));
    }
    if options.context.as_ref().is_some_and(|context| context.len() > REQUEST_CONTEXT_MAX) {
        let words = format!("a request's context has at most {REQUEST_CONTEXT_MAX} bytes");
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    if options.max_tokens == Some(0) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "a reply has at least one token"));
    }
    Ok(())
}

/// Checks a document; `max_file` is in bytes.
pub(crate) fn document(draft: &DocumentDraft, max_file: usize) -> Result<(), Refusal> {
    name(Some(&draft.title), TITLE_OF_DOCUMENT_MAX, "a title")?;
    name(Some(&draft.content_type), CONTENT_TYPE_MAX, "the content's type")?;
    if draft.title.trim().is_empty() || draft.title.chars().any(char::is_control) {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "a title has no control characters, and is not blank",
        ));
    }
    if draft.content.len() > max_file {
        return Err(Refusal::new(
            ErrorCode::FileTooLarge,
            format!("a document has at most {max_file} bytes"),
        ));
    }
    Ok(())
}

/// Checks a text that is to become a vector; `max_text` is in bytes.
pub(crate) fn embedding(draft: &EmbeddingDraft, max_text: usize) -> Result<(), Refusal> {
    content(&draft.text, max_text)?;
    name(draft.model.as_deref(), MODEL_MAX, "the model's name")
}

/// Checks a change to a message; `max_text` is in bytes.
pub(crate) fn edit(edit: &Edit, max_text: usize) -> Result<(), Refusal> {
    match edit {
        Edit::Content(text) => content(text, max_text),
        Edit::Delete => Ok(()),
        Edit::React { emoji, .. } => {
            name(Some(emoji), EMOJI_MAX, "an emoji")?;
            let fits = !emoji.chars().any(|it| it.is_control() || it.is_whitespace());
            fits.then_some(()).ok_or(Refusal::new(ErrorCode::InvalidRequest, "an emoji has no spaces in it"))
        }
    }
}

/// Checks what a user wants to change of themselves.
pub(crate) fn user(change: &UserChange) -> Result<(), Refusal> {
    name(change.username.as_deref(), USERNAME_MAX, "a username")?;
    let plain = |name: &str| name.trim() == name && !name.chars().any(char::is_control);
    if !change.username.as_deref().is_none_or(plain) {
        let words = "a username has no control characters, and no spaces around it";
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    if change.profile.as_ref().is_some_and(|profile| profile.len() > PROFILE_MAX) {
        let words = format!("a profile has at most {PROFILE_MAX} bytes");
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    Ok(())
}

/// Checks a room that is to be made.
pub(crate) fn room(draft: &RoomDraft) -> Result<(), Refusal> {
    name(draft.name.as_deref(), ROOM_NAME_MAX, "a room's name")
}

/// A conversation's title. Error: `INVALID_REQUEST`.
pub(crate) fn title(title: Option<&str>) -> Result<(), Refusal> {
    if title.is_some_and(|title| title.trim().is_empty()) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "the title is empty"));
    }
    name(title, TITLE_BYTES_MAX, "a title")
}

fn content(text: &str, max: usize) -> Result<(), Refusal> {
    if text.len() > max {
        return Err(Refusal::new(ErrorCode::MessageTooLong, format!("a message has at most {max} bytes")));
    }
    if text.trim().is_empty() {
        return Err(Refusal::new(ErrorCode::InvalidMessageContent, "the text is empty"));
    }
    if text.contains('\0') {
        return Err(Refusal::new(ErrorCode::InvalidMessageContent, "the text holds a NUL"));
    }
    Ok(())
}

fn name(name: Option<&str>, max: usize, what: &str) -> Result<(), Refusal> {
    if name.is_some_and(|name| name.is_empty() || name.len() > max || name.contains('\0')) {
        let words = format!("{what} has 1 to {max} bytes and no NUL");
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    Ok(())
}

/// The names that a text calls: each `@name` as a word of its own.
pub(crate) fn mentions(content: &str) -> impl Iterator<Item = &str> {
    let of_word =
        |character: Option<char>| character.is_some_and(|it| it.is_alphanumeric() || "_@".contains(it));
    let of_name = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    content.match_indices('@').filter_map(move |(at, _)| {
        let (before, after) = (&content[..at], &content[at + 1..]);
        let (name, rest) = after.split_at(after.find(|it| !of_name(it)).unwrap_or(after.len()));
        let whole = !of_word(before.chars().next_back()) && !of_word(rest.chars().next());
        // A point or a dash ends the sentence, unless the word goes on behind it.
        let name = name.trim_end_matches(['.', '-']);
        (whole && !name.is_empty()).then_some(name)
    })
}

/// Whether a text speaks to the AI: `@ai`, in any case.
pub(crate) fn mentions_ai(content: &str) -> bool {
    mentions(content).any(|name| name.eq_ignore_ascii_case(AI))
}

/// Whether an assistant can be called so.
pub(crate) fn is_assistant_name(name: &str) -> bool {
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let first = name.bytes().next().is_some_and(plain);
    // A mention ends before a point or a dash, and an id is never a name.
    first
        && name.len() <= ASSISTANT_NAME_MAX
        && !name.ends_with(['.', '-'])
        && name.bytes().all(|it| plain(it) || b"._-".contains(&it))
        && ![AI, KIND_ASSISTANT].contains(&name)
        && name.parse::<AssistantId>().is_err()
}

/// Checks an assistant but for its template.
pub(crate) fn assistant(assistant: &Assistant) -> Result<(), Refusal> {
    if !is_assistant_name(&assistant.name) {
        let words = "an assistant's name has 1 to 64 of a-z 0-9 . _ -, begins with a letter or a digit, does not end with \
                     . or -, and is not `ai` or `assistant`";
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    name(Some(&assistant.display_name), DISPLAY_NAME_MAX, "the display name")?;
    if assistant.display_name.chars().any(char::is_control) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "a display name has no control characters"));
    }
    let prompt = Some(assistant.prompt.clone()).filter(|prompt| !prompt.is_empty());
    options(&TurnOptions {
        model: assistant.model.clone(),
        system_prompt: prompt,
        temperature: assistant.temperature,
        max_tokens: assistant.max_tokens,
        ..TurnOptions::default()
    })
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

    /// Protects a shared room from an AI that speaks unasked, and those who ask from silence.
    #[test]
    fn mentions_are_words() {
        for text in ["@ai", "hey @AI, you", "(@Ai)", "what, @ai?", "ask @ai.", "ü@ai x @ai"] {
            assert!(mentions_ai(text), "{text}");
        }
        for text in ["", "@", "@a", "ai", "@airport", "me@ai.org", "@ai.org", "@@ai", "@ai_x", "@aü", "x@ai"]
        {
            assert!(!mentions_ai(text), "{text}");
        }
    }

    /// Protects assistants from being called by who does not mean them, and names from what no mention can say.
    #[test]
    fn names_are_called_whole() {
        let called = |text: &'static str| mentions(text).collect::<Vec<_>>();
        assert_eq!(called("@a.b-c_1, (@Chef). @x: mail me@home.org @@y @aü @-"), ["a.b-c_1", "Chef", "x"]);
        for name in ["a", "0", "gpt-4o", "a.b_c-d", &"x".repeat(64)] {
            assert!(is_assistant_name(name), "{name}");
        }
        let id = AssistantId::new().to_string();
        for name in ["", "A", "-a", ".a", "a-", "a.", "a b", "ü", "ai", "assistant", &"x".repeat(65), &id] {
            assert!(!is_assistant_name(name), "{name}");
        }
    }

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
