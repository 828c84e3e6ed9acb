//! What is known of a reply that is being read, and which of its pieces are ready for the domain.

use super::answer;
use super::config::SECRET_MIN;
use parlor_domain::message::Usage;
use parlor_domain::ports::{BackendError, Delta, Finish, ToolCall};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// How deep arrays and objects of an event may stand in each other. Readers of JSON take a hundred levels and more, of which
/// what we put around an event has some.
const EVENT_DEPTH_MAX: usize = 64;

/// A reply so far. An API's parser tells it what the events say; what is empty or said already is no piece.
pub(crate) struct Reply {
    ready: VecDeque<Delta>,
    /// Until an event has told the real one.
    asked_model: Option<String>,
    usage: Option<Usage>,
    /// Why the reply ended: known as soon as nothing of it is missing.
    finish: Option<Finish>,
    /// The server has said that nothing at all follows.
    done: bool,
    calls_tools: bool,
    /// Whether the events are wanted as they come, too.
    raw_events: bool,
    secrets: Arc<[String]>,
}

impl Reply {
    /// A reply of which only the model is known that was asked for, whether its events are wanted as they come, and what
    /// neither an error nor an event may tell.
    pub(super) fn new(model: String, raw_events: bool, secrets: Arc<[String]>) -> Self {
        Self {
            ready: VecDeque::new(),
            asked_model: Some(model),
            usage: None,
            finish: None,
            done: false,
            calls_tools: false,
            raw_events,
            secrets,
        }
    }

    /// An event of the API, whole. What is no JSON only ends the stream, or was cut; what not every reader of JSON can read
    /// would take all else with it that stands beside it; and what repeats a secret, as some gateways do in their errors,
    /// is for nobody's eyes.
    pub(super) fn raw(&mut self, event: &str) {
        if self.raw_events
            && is_readable(event)
            && !self.secrets.iter().any(|it| it.len() >= SECRET_MIN && event.contains(it.as_str()))
        {
            self.ready.push_back(Delta::Raw(event.trim().into()));
        }
    }

    /// The model that answers. The first one counts.
    pub(crate) fn model(&mut self, model: Option<String>) {
        if let Some(model) = model.filter(|model| !model.is_empty())
            && self.asked_model.take().is_some()
        {
            self.ready.push_back(Delta::Model(model));
        }
    }

    /// The next text.
    pub(crate) fn content(&mut self, text: Option<String>) {
        self.ready.extend(text.filter(|text| !text.is_empty()).map(Delta::Content));
    }

    /// The next text that is thought aloud.
    pub(crate) fn reasoning(&mut self, text: Option<String>) {
        self.ready.extend(text.filter(|text| !text.is_empty()).map(Delta::Reasoning));
    }

    /// The next piece of a call of a tool.
    pub(crate) fn tool_call(&mut self, call: ToolCall) {
        if call.id.is_some() || call.name.is_some() || !call.arguments.is_empty() {
            self.calls_tools = true;
            self.ready.push_back(Delta::ToolCall(call));
        }
    }

    /// The figures so far. Some servers repeat them in every event.
    pub(crate) fn usage(&mut self, usage: Option<Usage>) {
        if let Some(usage) = usage.filter(|usage| self.usage != Some(*usage)) {
            self.usage = Some(usage);
            self.ready.push_back(Delta::Usage(usage));
        }
    }

    /// Nothing of the reply is missing; figures may follow.
    pub(crate) fn finish(&mut self, finish: Finish) {
        self.finish = Some(finish);
    }

    /// The reply is whole, and nothing follows.
    pub(crate) fn done(&mut self) {
        self.finish.get_or_insert_default();
        self.done = true;
    }

    /// What the server reports in place of a reply.
    pub(crate) fn failure(&self, error: &Value) -> BackendError {
        answer::reported(error, &self.secrets)
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.finish.is_some()
    }

    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn pop(&mut self) -> Option<Delta> {
        self.ready.pop_front()
    }

    /// The response is over: says so if the reply is whole.
    pub(super) fn end(&mut self) {
        let Some(finish) = self.finish.take() else { return };
        // A server that names no model has used the one that it was asked for.
        self.ready.extend(self.asked_model.take().map(Delta::Model));
        // Some servers end a reply that calls tools like any other.
        let finish = if self.calls_tools && finish == Finish::Stop { Finish::ToolCalls } else { finish };
        self.ready.push_back(Delta::End(finish));
    }
}

/// Whether an event is JSON that every reader can read: no escape in it stands for nothing (RFC 8259 §8.2), and no number is
/// out of range.
fn is_readable(event: &str) -> bool {
    serde_json::from_str::<Value>(event).is_ok_and(|it| depth(&it) <= EVENT_DEPTH_MAX)
}

/// Of what was read: the reader has a limit of its own.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
