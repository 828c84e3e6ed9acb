//! What the demo says: made from nothing but the turn's context.

use parlor_domain::ports::{ContextMessage, KNOWLEDGE, Speaker};
use std::fmt::Write as _;

/// The most numbers that it counts.
const COUNT_MAX: u32 = 1_000;
/// The most messages that it recalls.
const RECALL_MAX: usize = 50;
/// How much of a message it quotes, in characters.
const QUOTE_MAX: usize = 200;
/// How much of a document's passage it quotes, in characters.
const PASSAGE_MAX: usize = 1_000;
/// The longest piece of a word that is said at once, in bytes.
const PIECE_MAX: usize = 64;

/// What is said, and how slowly.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) text: String,
    /// How many times the usual pause stands between two words.
    pub(super) slowness: u32,
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self { text, slowness: 1 }
    }
}

/// The reply to the last message of a person in `context`.
pub(super) fn to(context: &[ContextMessage]) -> Reply {
    let said: Vec<&str> = context
        .iter()
        .filter(|piece| piece.speaker == Speaker::User)
        .map(|piece| unaddressed(piece.content.trim()))
        .collect();
    let Some((message, earlier)) = said.split_last() else {
        return Reply::from(introduction("Write something, and I answer."));
    };
    if let Some(text) = after("echo", message).filter(|text| !text.is_empty()) {
        return text.to_owned().into();
    }
    if let Some(number) = after("count to", message).and_then(first_number) {
        return count(number).into();
    }
    if after("recall", message).or_else(|| after("what did i say", message)).is_some() {
        return recall(earlier).into();
    }
    if let Some(topic) = after("long", message) {
        return Reply::from(lines(100, topic));
    }
    if let Some(topic) = after("slow", message) {
        return Reply { text: lines(20, topic), slowness: 10 };
    }
    if let Some(passage) = nearest(context) {
        return Reply::from(passage);
    }
    Reply::from(introduction(&format!("You said: “{}”.", quote(message))))
}

/// What the nearest passage of the context's documents says, with its number; none where there is no document.
fn nearest(context: &[ContextMessage]) -> Option<String> {
    let told = context.iter().filter(|piece| piece.speaker == Speaker::System);
    let mut passages =
        told.filter_map(|piece| piece.content.split_once(KNOWLEDGE)).map(|(_, passages)| passages);
    let passages = passages.next_back()?.trim_start();
    let first = passages.split_once("\n\n[2] ").map_or(passages, |(first, _)| first);
    let (title, text) = first.strip_prefix("[1] ")?.split_once('\n')?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = match text.char_indices().nth(PASSAGE_MAX) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text,
    };
    Some(format!(
        "I am Parlor's demo assistant: no language model, but I look into your documents. “{title}” comes nearest: \
         “{text}” [1]"
    ))
}

/// The first word of `text` with the space after it, or the first piece of a very long one; empty at the end.
pub(super) fn first_word(text: &str) -> &str {
    let mut in_space = false;
    for (at, character) in text.char_indices() {
        if at >= PIECE_MAX || (in_space && !character.is_whitespace()) {
            return &text[..at];
        }
        in_space = character.is_whitespace();
    }
    text
}

/// A message without the name by which a room calls the AI.
fn unaddressed(message: &str) -> &str {
    after("@ai", message).unwrap_or(message)
}

/// What follows `command` where `message` begins with it as a whole word, in any case.
fn after<'a>(command: &str, message: &'a str) -> Option<&'a str> {
    let start = message.get(..command.len())?;
    let rest = &message[command.len()..];
    let whole = rest.chars().next().is_none_or(|next| !next.is_alphanumeric());
    (whole && start.eq_ignore_ascii_case(command)).then(|| rest.trim_start_matches([':', ',']).trim())
}

/// The number that `text` begins with; one that is too large to count is cut to the largest.
fn first_number(text: &str) -> Option<u32> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    (digits > 0).then(|| text[..digits].parse().unwrap_or(u32::MAX))
}

fn introduction(text: &str) -> String {
    format!(
        "I am Parlor's demo assistant: no language model, but a real streamed reply. {text}\n\n\
         Try “echo” and some words, “count to 20”, “what did I say?”, “long story”, or “slow story” to stop me \
         or to reconnect in the middle. For real answers, start Parlor with OPENAI_API_KEY, ANTHROPIC_API_KEY or \
         GEMINI_API_KEY, or with OPENAI_BASE_URL for Ollama, vLLM, llama.cpp and the like."
    )
}

fn count(number: u32) -> String {
    let mut text = String::new();
    for n in 1..=number.min(COUNT_MAX) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{n} ");
    }
    if number > COUNT_MAX {
        text.push_str("and that is as far as I count.");
    }
    text.truncate(text.trim_end().len());
    if text.is_empty() { "There is nothing to count.".to_owned() } else { text }
}

fn recall(earlier: &[&str]) -> String {
    if earlier.is_empty() {
        return "You have not said anything before this. (I am Parlor's demo assistant.)".to_owned();
    }
    let skipped = earlier.len().saturating_sub(RECALL_MAX);
    let mut text = "What you said, as far as it fits into my context:".to_owned();
    if skipped > 0 {
        let _ = write!(text, "\n({skipped} earlier ones)");
    }
    for (at, message) in earlier.iter().enumerate().skip(skipped) {
        let _ = write!(text, "\n{}. {}", at + 1, quote(message));
    }
    text
}

fn lines(count: u32, topic: &str) -> String {
    let topic = if topic.is_empty() { "nothing in particular".to_owned() } else { quote(topic) };
    let mut text = String::new();
    for n in 1..=count {
        let _ = writeln!(text, "{n} of {count}, about {topic}: stop me, or reconnect and read on.");
    }
    text.truncate(text.trim_end().len());
    text
}

fn quote(message: &str) -> String {
    match message.char_indices().nth(QUOTE_MAX) {
        Some((end, _)) => format!("{}…", message[..end].trim_end()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(messages: &[&str]) -> Vec<ContextMessage> {
        let mut context = vec![ContextMessage::new(Speaker::System, "Be brief.")];
        for message in messages {
            context.push(ContextMessage::new(Speaker::User, *message));
            context.push(ContextMessage::new(Speaker::Assistant, "Yes."));
        }
        context.pop();
        context
    }

    fn reply(messages: &[&str]) -> String {
        to(&context(messages)).text
    }

    fn pieces(mut text: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        loop {
            let piece = first_word(text);
            if piece.is_empty() {
                return pieces;
            }
            pieces.push(piece);
            text = &text[piece.len()..];
        }
    }

    #[test]
    fn it_echoes() {
        assert_eq!(reply(&["echo Hello,  world"]), "Hello,  world");
        assert_eq!(reply(&["ECHO: ä🎉"]), "ä🎉");
        assert!(reply(&["echo"]).contains("demo assistant"));
        assert!(reply(&["echolocation"]).contains("“echolocation”"));
    }

    /// Protects who tries documents out: the nearest passage is quoted with its number, and nothing of the instructions.
    #[test]
    fn it_quotes_the_nearest_passage() {
        let ask = |instructions: String, message: &str| {
            let context = [
                ContextMessage::new(Speaker::System, instructions),
                ContextMessage::new(Speaker::User, message),
            ];
            to(&context).text
        };
        let told =
            format!("Be brief.\n\n{KNOWLEDGE}\n\n[1] Tides\n# Moon\n\nTwice\na day.\n\n[2] Bread\nSalt.");
        let text = ask(told.clone(), "When is high tide?");
        assert!(text.ends_with("“Tides” comes nearest: “# Moon Twice a day.” [1]"), "{text}");
        assert_eq!(ask(told, "echo yes"), "yes");
        assert!(ask("Be brief. [1] x\ny".to_owned(), "Hi").contains("You said: “Hi”"));
    }

    #[test]
    fn it_counts_with_a_piece_a_number() {
        assert_eq!(pieces(&reply(&["Count to 3"])), ["1 ", "2 ", "3"]);
        assert_eq!(reply(&["count to 3, please"]), "1 2 3");
        assert_eq!(reply(&["@ai, count to 3"]), "1 2 3", "as it is called in a room");
        assert!(reply(&["count to 99999999999999"]).ends_with("1000 and that is as far as I count."));
        assert_eq!(reply(&["count to 0"]), "There is nothing to count.");
        assert!(reply(&["count to ten"]).contains("demo assistant"));
    }

    #[test]
    fn it_recalls_what_the_user_said_before() {
        let text = reply(&["My name is Ada.", "I like tea.", "What did I say?"]);
        assert!(text.ends_with("\n1. My name is Ada.\n2. I like tea."), "{text}");
        assert!(reply(&["recall"]).starts_with("You have not said anything"));
        let many: Vec<String> =
            (1..=60).map(|n| format!("message {n}")).chain(["recall".to_owned()]).collect();
        let text = reply(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(text.contains("(10 earlier ones)\n11. message 11\n"), "{text}");
    }

    #[test]
    fn it_talks_long_and_slowly_when_asked() {
        let long = to(&context(&["long story about tea"]));
        assert_eq!(long.text.lines().count(), 100);
        assert!(long.text.starts_with("1 of 100, about story about tea:"));
        let slow = to(&context(&["Slow"]));
        assert!(slow.slowness > long.slowness);
        assert!(pieces(&slow.text).len() > 100);
    }

    #[test]
    fn it_says_what_it_is_and_quotes_what_was_said() {
        let text = reply(&["Hi there"]);
        assert!(text.contains("demo assistant") && text.contains("“Hi there”"), "{text}");
        assert!(reply(&["ä".repeat(1_000).as_str()]).contains(&format!("{}…", "ä".repeat(200))));
        assert!(to(&[]).text.contains("demo assistant"));
    }

    #[test]
    fn pieces_together_are_the_text_and_none_is_long() {
        for text in ["", " ", "a b\n c  ", "ä🎉 x", &"x".repeat(1_000), &" ".repeat(200), &"🎉".repeat(99)]
        {
            assert_eq!(pieces(text).concat(), text);
            assert!(pieces(text).iter().all(|piece| piece.len() <= PIECE_MAX + 3));
        }
    }
}
