//! One AI reply as a client sees it, from `stream_start` to `stream_complete`.

use crate::client::{Client, id};
use crate::mirror::number;
use serde_json::Value;

/// A turn that was followed to its end.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The assistant message.
    pub message_id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// What it answers.
    pub in_reply_to: String,
    /// Its whole text, put together from the chunks.
    pub text: String,
    /// How many chunks the text came in.
    pub chunks: usize,
    /// `complete`, `stopped`, `failed` or `interrupted`.
    pub status: String,
    /// Its place in the log.
    pub seq: u64,
    /// The whole data of `stream_complete`.
    pub end: Value,
    /// The error that came before the end, if one did.
    pub error: Option<Value>,
    /// The frames of other types that came in between, in their order.
    pub others: Vec<Value>,
}

/// A turn that has begun.
#[derive(Debug, Clone)]
pub struct LiveTurn {
    /// The assistant message.
    pub message_id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// What it answers.
    pub in_reply_to: String,
    /// Its text so far.
    pub text: String,
    chunks: usize,
    others: Vec<Value>,
}

impl LiveTurn {
    /// Waits for a turn to begin on `client`.
    pub async fn begin(client: &mut Client) -> Self {
        let mut others = Vec::new();
        loop {
            let frame = client.frame().await;
            let data = &frame["data"];
            match frame["type"].as_str() {
                Some("stream_start") => {
                    return Self {
                        message_id: id(&data["message_id"]),
                        conversation_id: id(&data["conversation_id"]),
                        in_reply_to: id(&data["in_reply_to"]),
                        text: String::new(),
                        chunks: 0,
                        others,
                    };
                }
                Some("error") => panic!("a turn was due, not {frame}"),
                _ => others.push(frame),
            }
        }
    }

    /// Follows until there are at least `bytes` bytes of text.
    pub async fn read(&mut self, client: &mut Client, bytes: usize) {
        while self.text.len() < bytes {
            let frame = client.frame().await;
            assert_ne!(frame["type"], "stream_complete", "{frame}");
            self.take(frame);
        }
    }

    /// Follows to the end.
    pub async fn finish(mut self, client: &mut Client) -> Turn {
        let mut error = None;
        loop {
            let frame = client.frame().await;
            let ours = frame["data"]["message_id"] == self.message_id.as_str();
            match frame["type"].as_str() {
                Some("stream_complete") if ours => return self.ended(frame["data"].clone(), error),
                Some("error") if ours => error = Some(frame["data"].clone()),
                _ => self.take(frame),
            }
        }
    }

    fn take(&mut self, frame: Value) {
        let data = &frame["data"];
        if frame["type"] != "stream_content" || data["message_id"] != self.message_id.as_str() {
            self.others.push(frame);
            return;
        }
        assert_eq!(number(&data["offset"]), self.text.len() as u64, "offsets add up: {data}");
        let content = data["content"].as_str().unwrap();
        assert_eq!(data["is_complete"] == true, content.is_empty(), "only the last chunk is empty: {data}");
        self.text.push_str(content);
        self.chunks += usize::from(!content.is_empty());
    }

    fn ended(self, end: Value, error: Option<Value>) -> Turn {
        Turn {
            message_id: self.message_id,
            conversation_id: self.conversation_id,
            in_reply_to: self.in_reply_to,
            text: self.text,
            chunks: self.chunks,
            status: id(&end["status"]),
            seq: number(&end["seq"]),
            end,
            error,
            others: self.others,
        }
    }
}

impl Turn {
    /// Follows the next turn on `client` from its beginning to its end.
    pub async fn follow(client: &mut Client) -> Self {
        LiveTurn::begin(client).await.finish(client).await
    }
}
