//! What one client knows of one room's log of people's messages and their changes.

use crate::client::id;
use crate::mirror::number;
use serde_json::Value;
use std::collections::BTreeMap;

/// A message as a client has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// Its text; empty where it was deleted.
    pub content: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// How many reacted, an emoji each.
    pub reactions: BTreeMap<String, u64>,
}

/// A client's copy of a room. It survives reconnects, as a client's own memory does.
#[derive(Debug, Default, Clone)]
pub struct RoomMirror {
    /// The messages by seq.
    pub messages: BTreeMap<u64, Known>,
    /// The newest entry of each message: its own, or that of its last change.
    pub newest: BTreeMap<u64, u64>,
    /// Everything up to here is known.
    pub head: u64,
    /// The highest seq that this connection was handed.
    pub handed: u64,
    /// The epoch of the server's log, once known.
    pub epoch: Option<String>,
    /// What was sent and has no answer: texts by the client's own ids.
    pub pending: BTreeMap<String, String>,
    /// Whether the connection has caught up: from then on nothing is left out and nothing comes twice.
    settled: bool,
    replayed: u64,
}

impl RoomMirror {
    /// Takes in one frame; other types than the log's are passed over. The error says what contradicts what.
    pub fn apply(&mut self, frame: &Value) -> Result<(), String> {
        let data = &frame["data"];
        match frame["type"].as_str() {
            Some("chat") => self.message(data),
            Some("message_updated") => self.change(data, !frame["message_id"].is_null()),
            Some("delivery_confirmation") if data["status"] == "delivered" => self.confirmed(data),
            Some("resumed") => {
                self.epoch = data["epoch"].as_str().map(str::to_owned);
                if data["recovered"] != true {
                    return Err(format!("not recovered at {}: {data}", self.head));
                }
                self.catch_up(number(&data["last_seq"]))
            }
            Some("join_room") => self.catch_up(number(&data["last_seq"])),
            _ => Ok(()),
        }
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        (self.settled, self.handed, self.replayed) = (false, 0, 0);
    }

    /// What a reader who has everything up to `delivered` must still get, in order: the seq of each entry, and whether
    /// it is a change.
    pub fn missing_after(&self, delivered: u64) -> Vec<(u64, bool)> {
        let entry = |(seq, newest): (&u64, &u64)| {
            let is_change = *seq <= delivered;
            let at = if is_change { *newest } else { *seq };
            (at > delivered).then_some((at, is_change))
        };
        let mut entries: Vec<_> = self.newest.iter().filter_map(entry).collect();
        entries.sort_unstable();
        entries
    }

    fn message(&mut self, data: &Value) -> Result<(), String> {
        let seq = number(&data["seq"]);
        self.entry(seq, data)?;
        // As it is now: what it was changed into since the last time is in it, and those changes come no more.
        let newest = self.newest.get(&seq).copied().unwrap_or(seq);
        self.store(seq, newest, data)
    }

    fn change(&mut self, data: &Value, is_answer: bool) -> Result<(), String> {
        let (at, message) = (number(&data["seq"]), &data["message"]);
        let seq = number(&message["seq"]);
        if is_answer && self.settled && at <= self.head {
            return self.unchanged(seq, at, data);
        }
        self.entry(at, data)?;
        if self.settled && !self.messages.contains_key(&seq) {
            return Err(format!("a change of a message that never came: {data}"));
        }
        self.store(seq, at, message)
    }

    /// The answer to a change that changed nothing: the message as it was.
    fn unchanged(&self, seq: u64, at: u64, data: &Value) -> Result<(), String> {
        let newest =
            self.newest.get(&seq).ok_or_else(|| format!("an answer about what never came: {data}"))?;
        if at >= *newest { Ok(()) } else { Err(format!("an answer of the past, before {newest}: {data}")) }
    }

    fn confirmed(&mut self, data: &Value) -> Result<(), String> {
        let (seq, message_id) = (number(&data["seq"]), id(&data["server_message_id"]));
        let content = self.pending.remove(&id(&data["message_id"]));
        if data["duplicate"] == true {
            let known = self.messages.get(&seq).is_some_and(|known| known.id == message_id);
            return if known { Ok(()) } else { Err(format!("a duplicate of what never came: {data}")) };
        }
        self.entry(seq, data)?;
        let content = content.ok_or_else(|| format!("nobody asked for this confirmation: {data}"))?;
        let known = Known { id: message_id, content, deleted: false, reactions: BTreeMap::new() };
        self.keep(seq, seq, known)
    }

    /// An entry of the log: the next one, or on a connection that has not caught up one of those that are missing.
    fn entry(&mut self, seq: u64, data: &Value) -> Result<(), String> {
        self.handed = self.handed.max(seq);
        if data["replayed"] == true {
            if self.settled || seq <= self.replayed {
                return Err(format!("replayed out of order, behind {}: {data}", self.replayed));
            }
            self.replayed = seq;
        } else if self.settled {
            let due = self.head + 1;
            if seq != due {
                return Err(format!("seq {seq} where {due} was due: {data}"));
            }
            self.head = seq;
        }
        Ok(())
    }

    fn catch_up(&mut self, last_seq: u64) -> Result<(), String> {
        if last_seq < self.head {
            return Err(format!("the log ends at {last_seq}, before {}", self.head));
        }
        // An entry may be replayed from the log before it is told: then it is not told again.
        (self.head, self.settled) = (last_seq.max(self.replayed), true);
        Ok(())
    }

    fn store(&mut self, seq: u64, at: u64, message: &Value) -> Result<(), String> {
        let reactions = message["reactions"].as_array().into_iter().flatten();
        let known = Known {
            id: id(&message["message_id"]),
            content: id(&message["content"]),
            deleted: message["deleted"] == true,
            reactions: reactions.map(|it| (id(&it["emoji"]), number(&it["count"]))).collect(),
        };
        self.keep(seq, at, known)
    }

    fn keep(&mut self, seq: u64, at: u64, known: Known) -> Result<(), String> {
        if let Some(before) = self.messages.get(&seq)
            && before.id != known.id
        {
            return Err(format!("two messages at {seq}: {before:?} and {known:?}"));
        }
        let newest = self.newest.entry(seq).or_default();
        if at >= *newest {
            *newest = at;
            self.messages.insert(seq, known);
        }
        Ok(())
    }
}
