//! A context for APIs in which a person and the model take turns: Anthropic's and Gemini's.
//!
//! Instructions stand apart there, neighbours of one side are one turn, and a person begins. There is no place for a
//! speaker's name, so it stands before the text.

use super::api::{Question, refusal};
use super::extra::{self, Fields};
use parlor_domain::ports::{BackendError, ContextImage, ContextMessage, Speaker};

/// What a person is taken to have said where the model begins, or nobody says anything.
const OPENING: &str = "(The conversation begins here.)";

/// A context in turns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    /// The instructions.
    pub(crate) system: Vec<String>,
    /// Who said what, in turns.
    pub(crate) turns: Vec<Turn>,
}

/// What one side said until the other did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Whether it was the model.
    pub(crate) by_model: bool,
    /// Its pieces, of which none is blank: the APIs refuse blank ones.
    pub(crate) parts: Vec<Part>,
}

/// A piece of a turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    /// Behind the text that it belongs to.
    Image(ContextImage),
}

impl Turns {
    /// The context of `question`. Error: it has to do with tools, which are not translated.
    pub(crate) fn new(question: &Question<'_>) -> Result<Self, BackendError> {
        refuse_tools(question)?;
        let mut system = Vec::new();
        let mut turns: Vec<Turn> = Vec::new();
        for piece in question.context.iter().filter(|piece| !piece.content.trim().is_empty()) {
            let by_model = piece.speaker == Speaker::Assistant;
            if piece.speaker == Speaker::System {
                system.push(piece.content.clone());
            } else if let Some(turn) = turns.last_mut().filter(|turn| turn.by_model == by_model) {
                turn.parts.extend(parts(piece));
            } else {
                turns.push(Turn { by_model, parts: parts(piece).collect() });
            }
        }
        if turns.first().is_none_or(|turn| turn.by_model) {
            turns.insert(0, Turn { by_model: false, parts: vec![Part::Text(OPENING.to_owned())] });
        }
        Ok(Self { system, turns })
    }
}

fn parts(piece: &ContextMessage) -> impl Iterator<Item = Part> {
    std::iter::once(Part::Text(text(piece))).chain(piece.images.iter().cloned().map(Part::Image))
}

/// What was said, after the name of the person who did where there is one. A name stays on its line.
fn text(piece: &ContextMessage) -> String {
    match piece.name.as_deref().filter(|_| piece.speaker == Speaker::User) {
        Some(name) => {
            let name =
                name.split(|c: char| c.is_whitespace() || c.is_control()).collect::<Vec<_>>().join(" ");
            format!("{}: {}", name.trim(), piece.content)
        }
        None => piece.content.clone(),
    }
}

/// Refuses what the router should ask another backend.
fn refuse_tools(question: &Question<'_>) -> Result<(), BackendError> {
    let mut wanted = question.context.iter().any(|piece| piece.speaker == Speaker::Tool);
    let of_pieces = question.context.iter().filter_map(|piece| piece.extra.as_deref());
    for extra in of_pieces.chain(question.extra) {
        wanted |= has_tools(&extra::fields(extra)?);
    }
    if wanted { Err(refusal("tools are passed on to OpenAI-compatible backends only")) } else { Ok(()) }
}

/// A choice of tools without tools is nothing; so is an empty list of them.
fn has_tools(fields: &Fields<'_>) -> bool {
    ["tools", "tool_calls", "tool_call_id", "functions", "function_call"]
        .iter()
        .filter_map(|name| fields.get(*name))
        .any(|value| !matches!(value.get(), "null" | "[]"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_domain::UserId;
    use parlor_domain::ports::TurnRequest;
    use reqwest::Url;

    fn turns(request: &TurnRequest) -> Result<Turns, BackendError> {
        Turns::new(&Question::new(request, "m", &Url::parse("http://x").unwrap()))
    }

    fn of(context: Vec<ContextMessage>) -> TurnRequest {
        TurnRequest::new(UserId::new(), context)
    }

    fn piece(speaker: Speaker, content: &str) -> ContextMessage {
        ContextMessage::new(speaker, content)
    }

    fn texts(turn: &Turn) -> Vec<&str> {
        let parts = turn.parts.iter();
        parts
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Image(image) => panic!("{image:?}"),
            })
            .collect()
    }

    fn check(context: &[(Speaker, &str)], system: &[&str], expect: &[(bool, &[&str])]) {
        let context = context.iter().map(|(speaker, content)| piece(*speaker, content)).collect();
        let turns = turns(&of(context)).unwrap();
        let said: Vec<(bool, Vec<&str>)> =
            turns.turns.iter().map(|turn| (turn.by_model, texts(turn))).collect();
        let expect: Vec<(bool, Vec<&str>)> =
            expect.iter().map(|(by_model, texts)| (*by_model, texts.to_vec())).collect();
        assert_eq!((turns.system, said), (system.iter().map(|it| (*it).to_owned()).collect(), expect));
    }

    /// Protects contexts as they are cut from long rooms from a refusal by the API.
    #[test]
    fn sides_alternate_and_a_person_begins() {
        use Speaker::{Assistant, System, User};
        check(
            &[(User, "a"), (Assistant, "b"), (User, "c")],
            &[],
            &[(false, &["a"]), (true, &["b"]), (false, &["c"])],
        );
        check(
            &[(System, "x"), (User, "a"), (System, "y"), (User, "b")],
            &["x", "y"],
            &[(false, &["a", "b"])],
        );
        check(
            &[(Assistant, "a"), (Assistant, "b"), (User, "c")],
            &[],
            &[(false, &[OPENING]), (true, &["a", "b"]), (false, &["c"])],
        );
        check(&[(User, "a"), (Assistant, " \n"), (User, "")], &[], &[(false, &["a"])]);
        check(&[(System, "x")], &["x"], &[(false, &[OPENING])]);
    }

    #[test]
    fn names_stand_before_the_text_and_on_its_line() {
        let mut context = vec![piece(Speaker::User, "hi"), piece(Speaker::User, "ho")];
        context[0].name = Some("ann".into());
        context[1].name = Some("b\nen\u{7}".into());
        assert_eq!(texts(&turns(&of(context)).unwrap().turns[0]), ["ann: hi", "b en: ho"]);
    }

    /// Protects a client's tools from being dropped in silence: the router asks a backend that knows them.
    #[test]
    fn tools_are_refused_and_other_wishes_are_not() {
        let question = || of(vec![piece(Speaker::User, "hi")]);
        let with = |extra: &str| TurnRequest { extra: Some(extra.into()), ..question() };
        let mut of_piece = question();
        of_piece.context[0].extra = Some(r#"{"tool_calls":[{"id":"1"}]}"#.into());
        let mut of_tool = question();
        of_tool.context[0].speaker = Speaker::Tool;
        let refused =
            [with(r#"{"tools":[{}]}"#), with(r#"{"functions":[{}]}"#), with("[1]"), of_piece, of_tool];
        for request in refused {
            let Err(BackendError::Status { status: 400, .. }) = turns(&request) else {
                panic!("{request:?}")
            };
        }
        for extra in [r#"{"tools":[],"tool_choice":"none"}"#, r#"{"tools":null}"#, r#"{"seed":7}"#, "{}"] {
            assert!(turns(&with(extra)).is_ok(), "{extra}");
        }
    }
}
