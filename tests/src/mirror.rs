//! What one client knows of one conversation: the log without gap or repeat, and the live turns.

use crate::client::id;
use serde_json::Value;
use std::collections::BTreeMap;

/// A client's copy of a conversation. It survives reconnects, as a client's own memory does.
#[derive(Debug, Default, Clone)]
pub struct Mirror {
    /// The log: each message's id and text, by its seq.
    pub log: BTreeMap<u64, (String, String)>,
    /// The text so far of each live turn.
    pub live: BTreeMap<String, String>,
    /// The epoch of the server's log, once known.
    pub epoch: Option<String>,
}

impl Mirror {
    /// The highest seq that it has; 0 for none.
    pub fn head(&self) -> u64 {
        self.log.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    /// Takes in one frame; other types than the log's are passed over. The error says what contradicts what.
    pub fn apply(&mut self, frame: &Value) -> Result<(), String> {
        let data = &frame["data"];
        match frame["type"].as_str() {
            Some("message_received") if data["duplicate"] != true => self.message(&data["message"]),
            Some("stream_start") => {
                self.live.insert(id(&data["message_id"]), String::new());
                Ok(())
            }
            Some("stream_content") => self.content(data),
            Some("stream_complete") => self.complete(data),
            Some("resumed") => self.resumed(data),
            _ => Ok(()),
        }
    }

    /// The connection is gone: live turns are shown again from their beginning after a resume.
    pub fn disconnected(&mut self) {
        self.live.clear();
    }

    fn message(&mut self, message: &Value) -> Result<(), String> {
        let message_id = id(&message["id"]);
        self.live.remove(&message_id);
        self.append(number(&message["seq"]), message_id, id(&message["content"]))
    }

    fn content(&mut self, data: &Value) -> Result<(), String> {
        let text = self
            .live
            .get_mut(data["message_id"].as_str().unwrap_or_default())
            .ok_or_else(|| format!("a chunk of a stream that did not start: {data}"))?;
        if number(&data["offset"]) != text.len() as u64 {
            return Err(format!("a chunk at {} where {} was due", data["offset"], text.len()));
        }
        text.push_str(data["content"].as_str().unwrap_or_default());
        Ok(())
    }

    fn complete(&mut self, data: &Value) -> Result<(), String> {
        let message_id = id(&data["message_id"]);
        let text = self
            .live
            .remove(&message_id)
            .ok_or_else(|| format!("the end of a stream that did not start: {data}"))?;
        self.append(number(&data["seq"]), message_id, text)
    }

    fn resumed(&mut self, data: &Value) -> Result<(), String> {
        self.epoch = data["epoch"].as_str().map(str::to_owned);
        if data["recovered"] != true || number(&data["last_seq"]) != self.head() {
            return Err(format!("resumed at {} with {data}", self.head()));
        }
        Ok(())
    }

    fn append(&mut self, seq: u64, message_id: String, content: String) -> Result<(), String> {
        let due = self.head() + 1;
        if seq != due {
            let what = if seq > due { "gap" } else { "repeat" };
            return Err(format!("{what}: seq {seq} where {due} was due ({message_id})"));
        }
        self.log.insert(seq, (message_id, content));
        Ok(())
    }
}

/// A whole number. Panics where it is none.
pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number, not {value}"))
}
