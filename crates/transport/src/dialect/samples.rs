//! What the dialects' tests write: one message of each kind, with ids and times that never change.

use bytes::Bytes;
use parlor_domain::message::{
    Attachment, Author, Citation, Confidence, Message, Metadata, NanoDollars, Reaction, Reply, TurnStatus,
    Usage,
};
use parlor_domain::ports::{JobEntry, JobKind, JobState, ToolCall};
use parlor_domain::{ErrorCode, EventBody, JobAnswer, JobNews, RoomId, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(super) fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + number).into()
}

pub(super) fn at() -> Timestamp {
    Timestamp::from_microsecond(1_704_067_200_000_000)
}

pub(super) fn room() -> RoomId {
    "room-123".parse().unwrap()
}

/// A job that goes on, one that is done, and one that failed.
pub(super) fn jobs() -> [EventBody; 3] {
    let job = |state, progress, failure| JobEntry {
        id: id(0x5000),
        user: id(0x2000),
        kind: JobKind::Completion,
        state,
        progress,
        attempts: 1,
        failure,
        created_at: at(),
        ended_at: None,
    };
    let reply = message(2, Some(turn_reply(TurnStatus::Complete)));
    let done = Some(JobAnswer::Completion(Arc::new(reply)));
    let news = |job, answer| EventBody::Job(Box::new(JobNews { job, answer }));
    [
        news(job(JobState::Active, 42, None), None),
        news(job(JobState::Completed, 100, None), done),
        news(job(JobState::Failed, 10, Some(ErrorCode::AiUnavailable)), None),
    ]
}

pub(super) fn message(number: u128, reply: Option<Reply>) -> Message {
    let seq = u64::try_from(number).unwrap();
    Message {
        id: id(0x1000 + number),
        conversation: id(1),
        seq,
        changed_seq: seq,
        author: if reply.is_some() { Author::Assistant } else { Author::User(id(0x2000)) },
        author_name: reply.is_none().then(|| "ann".into()),
        kind: if reply.is_some() { "assistant".into() } else { "user".into() },
        content: "Hello".into(),
        content_type: None,
        client_id: reply.is_none().then(|| "c-1".into()),
        created_at: at(),
        edited_at: None,
        deleted_at: None,
        reactions: Vec::new(),
        reply,
        attached: None,
        metadata: None,
    }
}

/// A passage and a file.
pub(super) fn metadata() -> Option<Box<Metadata>> {
    let citation = Citation {
        number: 1,
        document: id(0x6000),
        title: "Harbours".into(),
        chunk: 3,
        excerpt: "The ice\u{2026}".into(),
        score: Confidence::from_millionths(700_000),
    };
    let attachment =
        Attachment { file: id(0x6001), name: "boats.csv".into(), mime_type: "text/csv".into(), size: 12 };
    Metadata { citations: vec![citation], attachments: vec![attachment] }.boxed()
}

/// A message whose text was changed and that somebody liked.
pub(super) fn changed() -> Message {
    Message {
        changed_seq: 7,
        edited_at: Some(at()),
        reactions: vec![
            Reaction { emoji: "\u{1f44d}".into(), users: vec![id(0x2001)] },
            Reaction { emoji: "+1".into(), users: vec![id(0x2000), id(0x2001)] },
        ],
        ..message(1, None)
    }
}

/// A message that is no more.
pub(super) fn deleted() -> Message {
    Message { changed_seq: 8, content: String::new(), deleted_at: Some(at()), ..message(1, None) }
}

pub(super) fn turn_reply(status: TurnStatus) -> Reply {
    Reply {
        in_reply_to: id(0x1001),
        status,
        model: Some("gpt-4".into()),
        usage: Usage { prompt_tokens: 15, completion_tokens: 20, estimated: false },
        cost: Some(NanoDollars(3_000_000)),
        elapsed: Duration::from_micros(2_500_400),
        backend: Some("openai".into()),
        confidence: None,
    }
}

/// The first piece of a call of a tool.
pub(super) fn tool_call() -> ToolCall {
    ToolCall { index: 0, id: Some("call-1".into()), name: Some("weather".into()), arguments: "{".into() }
}

/// The payloads of the frames in `bytes`, a line each.
pub(super) fn payloads(bytes: &Bytes) -> String {
    let (mut rest, mut lines) = (&bytes[..], String::new());
    while let [0x81, length, ..] = rest {
        let (start, length) = match length {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            short => (2, usize::from(*short)),
        };
        lines += std::str::from_utf8(&rest[start..start + length]).unwrap();
        lines.push('\n');
        rest = &rest[start + length..];
    }
    assert!(rest.is_empty(), "not a text frame: {rest:?}");
    lines
}

/// A file that can be read.
pub(super) fn file() -> parlor_domain::ports::FileRecord {
    parlor_domain::ports::FileRecord {
        id: id(0x5000),
        owner: id(0x2000),
        conversation: Some(id(1)),
        name: "größe.txt".into(),
        media_type: "text/plain".into(),
        size: 2_500_000,
        chunk_size: 1_048_576,
        status: parlor_domain::ports::FileStatus::Available,
        checksum: Some(parlor_domain::ports::Checksum([7; 32])),
        created_at: at(),
        finished_at: Some(at()),
        expires_at: at(),
    }
}
