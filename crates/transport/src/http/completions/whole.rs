//! A reply in one piece.

use super::failed;
use super::request::Asked;
use axum::Json;
use parlor_domain::message::Usage;
use parlor_domain::ports::{Finish, ToolCall};
use parlor_domain::{CompletionEnd, CompletionPiece, CompletionStream, ErrorCode, Refusal};
use parlor_protocol::completions as wire;

/// What was said so far.
#[derive(Default)]
struct Said {
    text: String,
    reasoning: String,
    calls: Vec<wire::ToolCall>,
}

/// Reads a stream to its end. Error: why it broke.
pub(super) async fn collect(
    asked: Asked,
    created: i64,
    first: CompletionPiece,
    mut stream: CompletionStream,
) -> Result<Json<wire::Completion>, Refusal> {
    let (mut said, mut next) = (Said::default(), Some(first));
    loop {
        match next.ok_or(Refusal::of(ErrorCode::Internal))? {
            CompletionPiece::Content(text) => said.text.push_str(&text),
            CompletionPiece::Reasoning(text) => said.reasoning.push_str(&text),
            CompletionPiece::ToolCall(call) => said.call(call),
            CompletionPiece::End(end) => {
                return match failed(end.status, end.refusal.as_ref()) {
                    Some(refusal) => Err(refusal),
                    None => Ok(Json(said.finish(&stream, asked, created, *end))),
                };
            }
        }
        next = stream.next().await;
    }
}

impl Said {
    fn call(&mut self, piece: ToolCall) {
        let known = self.calls.iter_mut().find(|call| call.index == Some(piece.index));
        match known {
            Some(call) => {
                call.function.arguments.push_str(&piece.arguments);
                call.function.name = call.function.name.take().or(piece.name);
                call.id = call.id.take().or(piece.id);
            }
            None => self.calls.push(tool_call(piece)),
        }
    }

    fn finish(
        self,
        stream: &CompletionStream,
        asked: Asked,
        created: i64,
        end: CompletionEnd,
    ) -> wire::Completion {
        let only_calls = self.text.is_empty() && !self.calls.is_empty();
        let message = wire::ReplyMessage {
            role: "assistant".to_owned(),
            content: (!only_calls).then_some(self.text),
            reasoning_content: (!self.reasoning.is_empty()).then_some(self.reasoning),
            // Whole calls have no index.
            tool_calls: self.calls.into_iter().map(|call| wire::ToolCall { index: None, ..call }).collect(),
        };
        let finish_reason = finish_reason(end.finish).to_owned();
        wire::Completion {
            id: id_of(stream),
            object: "chat.completion".to_owned(),
            created,
            model: end.model.unwrap_or(asked.model),
            choices: vec![wire::Choice { index: 0, message, finish_reason }],
            usage: usage(end.usage),
        }
    }
}

pub(super) fn id_of(stream: &CompletionStream) -> String {
    format!("chatcmpl-{}", stream.id())
}

pub(super) fn tool_call(piece: ToolCall) -> wire::ToolCall {
    let kind = piece.id.is_some().then(|| "function".to_owned());
    let function = wire::Function { name: piece.name, arguments: piece.arguments };
    wire::ToolCall { index: Some(piece.index), id: piece.id, kind, function }
}

pub(super) fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered => "content_filter",
    }
}

pub(super) fn usage(usage: Usage) -> wire::Usage {
    let Usage { prompt_tokens, completion_tokens, .. } = usage;
    wire::Usage { prompt_tokens, completion_tokens, total_tokens: usage.total_tokens() }
}
