//! Pieces of a reply, neighbours of one kind joined: a backend that is faster than the network costs few frames.

use parlor_domain::MessageId;
use parlor_domain::ports::ToolCall;
use parlor_protocol::broker::{AiResponseChunk, ToolCallPiece, WorkerFrame};

/// A frame gets no more text than this by joining, in bytes.
const JOINED_MAX: usize = 32 * 1024;

/// A piece that the server gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Content(String),
    Reasoning(String),
    ToolCall(ToolCall),
}

impl Piece {
    /// Takes `next` in, or gives it back where it must come in a frame of its own.
    fn join(&mut self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Content(text), Self::Content(more)) | (Self::Reasoning(text), Self::Reasoning(more))
                if text.len() + more.len() <= JOINED_MAX =>
            {
                text.push_str(&more);
                None
            }
            (Self::ToolCall(call), Self::ToolCall(more)) if continues(call, &more) => {
                call.arguments.push_str(&more.arguments);
                None
            }
            (_, next) => Some(next),
        }
    }

    fn frame(self, message_id: MessageId) -> WorkerFrame {
        let mut chunk = AiResponseChunk { message_id, delta: None, reasoning: None, tool_call: None };
        match self {
            Self::Content(text) => chunk.delta = Some(text),
            Self::Reasoning(text) => chunk.reasoning = Some(text),
            Self::ToolCall(ToolCall { index, id, name, arguments }) => {
                chunk.tool_call = Some(ToolCallPiece { index, id, name, arguments });
            }
        }
        WorkerFrame::AiResponseChunk(chunk)
    }
}

fn continues(call: &ToolCall, more: &ToolCall) -> bool {
    let is_beginning = more.id.is_some() || more.name.is_some();
    call.index == more.index && !is_beginning && call.arguments.len() + more.arguments.len() <= JOINED_MAX
}

/// As few frames as tell all of `pieces`, in their order.
pub(crate) fn frames(message_id: MessageId, pieces: Vec<Piece>) -> impl Iterator<Item = WorkerFrame> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        let rest = match joined.last_mut() {
            Some(last) => last.join(piece),
            None => Some(piece),
        };
        joined.extend(rest);
    }
    joined.into_iter().map(move |piece| piece.frame(message_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(index: u32, id: Option<&str>, arguments: &str) -> Piece {
        let (id, arguments) = (id.map(str::to_owned), arguments.to_owned());
        Piece::ToolCall(ToolCall { index, id, name: None, arguments })
    }

    /// What the frames say, each as `kind:text`.
    fn joined(pieces: &[Piece]) -> Vec<String> {
        let frames = frames(MessageId::new(), pieces.to_vec());
        let chunks = frames.map(|frame| match frame {
            WorkerFrame::AiResponseChunk(AiResponseChunk { delta: Some(text), .. }) => format!("said:{text}"),
            WorkerFrame::AiResponseChunk(AiResponseChunk { reasoning: Some(text), .. }) => {
                format!("thought:{text}")
            }
            WorkerFrame::AiResponseChunk(AiResponseChunk { tool_call: Some(call), .. }) => {
                format!("call {}:{}", call.index, call.arguments)
            }
            other => panic!("{other:?}"),
        });
        chunks.collect()
    }

    /// Protects a reply's text: joining neither loses a piece nor changes the order of two kinds.
    #[test]
    fn neighbours_of_one_kind_are_joined() {
        let content = |text: &str| Piece::Content(text.to_owned());
        let thought = |text: &str| Piece::Reasoning(text.to_owned());
        let pieces = [thought("a"), thought("b"), content("c"), content("d"), thought("e")];
        assert_eq!(joined(&pieces), ["thought:ab", "said:cd", "thought:e"]);
        let pieces =
            [call(0, Some("x"), "{"), call(0, None, "}"), call(1, Some("y"), "1"), call(1, Some("z"), "2")];
        assert_eq!(joined(&pieces), ["call 0:{}", "call 1:1", "call 1:2"]);
        let long = "x".repeat(JOINED_MAX);
        assert_eq!(joined(&[content("a"), content(&long)]), ["said:a".to_owned(), format!("said:{long}")]);
    }
}
