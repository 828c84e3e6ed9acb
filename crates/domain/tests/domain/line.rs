//! What a connection gets, one short line for each thing, so that a test can say what it expects.

use parlor_domain::message::Message;
use parlor_domain::{Event, EventBody, Outgoing, Refusal, Reply, ReplyBody};
use std::fmt::Write;

/// The lines of `items`; neighbouring pieces of one turn are one line, for where they are cut is no promise.
pub(crate) fn lines(items: &[Outgoing]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut last_piece = None;
    for item in items {
        let piece = piece(item);
        match (piece, last_piece) {
            (Some((turn, offset, text)), Some((last, end))) if turn == last && offset == end => {
                lines.last_mut().unwrap().push_str(text);
            }
            _ => lines.push(line(item)),
        }
        last_piece = piece.map(|(turn, offset, text)| (turn, offset + text.len() as u64));
    }
    lines
}

fn piece(item: &Outgoing) -> Option<(parlor_domain::MessageId, u64, &str)> {
    let Outgoing::Event(event) = item else { return None };
    let EventBody::TurnDelta { turn, offset, text } = event.body() else { return None };
    Some((turn.id, *offset, text))
}

pub(crate) fn line(item: &Outgoing) -> String {
    match item {
        Outgoing::Event(event) => event_line(event),
        Outgoing::Reply(reply) => reply_line(reply),
        Outgoing::Raw(bytes) => format!("raw {}", bytes.len()),
    }
}

fn message_line(word: &str, message: &Message) -> String {
    format!("{word} {} {}", message.seq, message.content)
}

fn event_line(event: &Event) -> String {
    match event.body() {
        EventBody::Message(message) => message_line("message", message),
        EventBody::MessageElsewhere(message) => message_line("elsewhere", message),
        EventBody::Updated(summary) => format!("updated {}", summary.last_seq),
        EventBody::Typing { is_typing: true, .. } => "typing".into(),
        EventBody::Typing { is_typing: false, .. } => "typing ended".into(),
        EventBody::TurnStarted(_) => "start".into(),
        EventBody::TurnDelta { offset, text, .. } => format!("delta {offset} {text}"),
        EventBody::TurnEnded { message, refusal } => {
            let status = message.reply.as_ref().unwrap().status.as_str();
            let mut line = format!("end {} {status} {}", message.seq, message.content);
            if let Some(refusal) = refusal {
                write!(line, "({})", refusal.code).unwrap();
            }
            line
        }
    }
}

fn reply_line(reply: &Reply) -> String {
    match &reply.body {
        ReplyBody::Joined { last_seq, .. } => format!("joined {last_seq}"),
        ReplyBody::Left { .. } => "left".into(),
        ReplyBody::Sent { event, duplicate } => {
            let EventBody::Message(message) = event.body() else { panic!("not a message: {event:?}") };
            message_line(if *duplicate { "sent before" } else { "sent" }, message)
        }
        ReplyBody::Stopped { status: Some(status), .. } => format!("stopped {}", status.as_str()),
        ReplyBody::Stopped { status: None, .. } => "stopped nothing".into(),
        ReplyBody::History { messages, has_more, .. } => {
            let seqs: Vec<_> = messages.iter().map(|message| message.seq).collect();
            format!("history {seqs:?}{}", if *has_more { " and more" } else { "" })
        }
        ReplyBody::Missed(message) => message_line("missed", message),
        ReplyBody::Resumed { from_seq, last_seq, recovered, .. } => {
            format!("{} {from_seq}..{last_seq}", if *recovered { "resumed" } else { "not recovered" })
        }
        ReplyBody::Heads(heads) => {
            let mut heads: Vec<_> = heads.iter().map(|(_, seq)| *seq).collect();
            heads.sort_unstable();
            format!("heads {heads:?}")
        }
        ReplyBody::Refused { refusal, .. } => refusal_line(refusal),
    }
}

pub(crate) fn refusal_line(refusal: &Refusal) -> String {
    match refusal.retry_after {
        Some(seconds) => format!("refused {} for {seconds} s", refusal.code),
        None => format!("refused {}", refusal.code),
    }
}
