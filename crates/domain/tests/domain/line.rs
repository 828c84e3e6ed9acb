//! What a connection gets, one short line for each thing, so that a test can say what it expects.

use parlor_domain::message::Message;
use parlor_domain::{Event, EventBody, Outgoing, Presence, Refusal, Reply, ReplyBody, RoomJoined, TurnPart};
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
    let EventBody::TurnDelta { turn, offset, text, .. } = event.body() else { return None };
    Some((turn.id, *offset, text))
}

pub(crate) fn line(item: &Outgoing) -> String {
    match item {
        Outgoing::Event(event) => event_line(event),
        Outgoing::Reply(reply) => reply_line(reply),
        Outgoing::Raw(bytes) => format!("raw {}", bytes.len()),
        Outgoing::Probe { number, .. } => format!("probe {number}"),
    }
}

fn message_line(word: &str, message: &Message) -> String {
    format!("{word} {} {}", message.seq, message.content)
}

/// A change: its seq, the message's, and how that is now.
fn changed_line(word: &str, message: &Message) -> String {
    let mut line = format!("{word} {} of {} {}", message.changed_seq, message.seq, message.content);
    if message.deleted_at.is_some() {
        line.push_str("(deleted)");
    }
    for reaction in &message.reactions {
        write!(line, "[{} {}]", reaction.emoji, reaction.users.len()).unwrap();
    }
    line
}

fn presence_line(changes: &[Presence]) -> String {
    let mut changes: Vec<_> =
        changes.iter().map(|it| format!(" {}{}", if it.online { '+' } else { '-' }, it.name)).collect();
    changes.sort();
    format!("presence{}", changes.concat())
}

fn event_line(event: &Event) -> String {
    match event.body() {
        EventBody::Message(message) => message_line("message", message),
        EventBody::MessageElsewhere(message) => message_line("elsewhere", message),
        EventBody::Changed(message) => changed_line("changed", message),
        EventBody::Deleted(_) => "deleted".into(),
        EventBody::File(file) => format!("file {}", file.name),
        EventBody::Members { role: Some(role), .. } => format!("now {role}"),
        EventBody::Members { role: None, .. } => "gone".into(),
        EventBody::Presence { changes, .. } => presence_line(changes),
        EventBody::Read { message, seq, .. } => format!("read {} up to {seq}", message.seq),
        EventBody::ReadElsewhere { seq, .. } => format!("read elsewhere up to {seq}"),
        EventBody::Updated(summary) => format!("updated {}", summary.last_seq),
        EventBody::Typing { is_typing: true, .. } => "typing".into(),
        EventBody::Typing { is_typing: false, .. } => "typing ended".into(),
        EventBody::Job(news) => format!("job {} {}", news.job.state.as_str(), news.job.progress),
        EventBody::TurnStarted(_) => "start".into(),
        EventBody::TurnDelta { part: TurnPart::Text, offset, text, .. } => format!("delta {offset} {text}"),
        EventBody::TurnDelta { offset, text, .. } => format!("thought {offset} {text}"),
        EventBody::TurnToolCall { call, .. } => format!("call {} {}", call.index, call.arguments),
        EventBody::TurnRestarted { attempt, .. } => format!("restart {attempt}"),
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
        ReplyBody::Answered { message, kind, refusal, .. } => {
            let status = message.reply.as_ref().unwrap().status.as_str();
            let refused = refusal.as_ref().map(|it| format!("({})", it.code)).unwrap_or_default();
            format!("answered {kind} {status} {}{refused}", message.content)
        }
        ReplyBody::Stopped { status: Some(status), .. } => format!("stopped {}", status.as_str()),
        ReplyBody::Stopped { status: None, .. } => "stopped nothing".into(),
        ReplyBody::NothingToStop => "nothing to stop".into(),
        ReplyBody::History { messages, has_more, .. } => {
            let seqs: Vec<_> = messages.iter().map(|message| message.seq).collect();
            format!("history {seqs:?}{}", if *has_more { " and more" } else { "" })
        }
        ReplyBody::Missed { message, is_change: false } => message_line("missed", message),
        ReplyBody::Missed { message, is_change: true } => changed_line("missed", message),
        ReplyBody::Replayed { message, is_change: false } => message_line("replayed", message),
        ReplyBody::Replayed { message, is_change: true } => changed_line("replayed", message),
        ReplyBody::Synced { incomplete } if incomplete.is_empty() => "synced".into(),
        ReplyBody::Synced { incomplete } => format!("synced but for {}", incomplete.len()),
        ReplyBody::RoomJoined(joined) => room_line(joined),
        ReplyBody::RoomLeft { .. } => "room left".into(),
        ReplyBody::Upload(_) => "upload".into(),
        ReplyBody::RoomDeleted { .. } => "room deleted".into(),
        ReplyBody::Member { role: Some(role), .. } => format!("made {role}"),
        ReplyBody::Member { role: None, .. } => "removed".into(),
        ReplyBody::Changed { event, changed } => {
            let EventBody::Changed(message) = event.body() else { panic!("not a change: {event:?}") };
            changed_line(if *changed { "changed" } else { "unchanged" }, message)
        }
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

fn room_line(joined: &RoomJoined) -> String {
    let RoomJoined { room, role, last_seq, participants, online, .. } = joined;
    let (members, online) = (participants.len(), online.len());
    format!("room {} {} as {role} at {last_seq}, {online} of {members} online", room.kind, room.id)
}

pub(crate) fn refusal_line(refusal: &Refusal) -> String {
    match refusal.retry_after {
        Some(seconds) => format!("refused {} for {seconds} s", refusal.code),
        None => format!("refused {}", refusal.code),
    }
}
