//! From users' frames to commands.

use crate::dialect::{Incoming, Undecodable, history_limit};
use parlor_domain::message::KIND_USER;
use parlor_domain::{Action, Command, Correlation, Draft, ErrorCode, Place, Position, Refusal, TurnOptions};
use parlor_protocol::broker as wire;
use parlor_protocol::broker::{TEXT, UserFrame};

/// The longest text of a message in this dialect, in bytes.
const MAX_TEXT: usize = 10 * 1024;

/// What a frame that was understood asks.
pub(super) fn incoming(incoming: wire::Incoming) -> Result<Incoming, Undecodable> {
    let wire::Incoming { frame, request_id } = incoming;
    let client_id = match &frame {
        UserFrame::SendMessage(data) => data.client_message_id.clone().map(Into::into),
        _ => None,
    };
    let correlation = Correlation { request_id: request_id.map(Into::into), client_id, outside: false };
    if let UserFrame::Auth(auth) = frame {
        return Ok(Incoming::Auth { token: auth.token });
    }
    match action(frame) {
        Ok(action) => Ok(Incoming::Command(Command { action, correlation })),
        Err(refusal) => Err(Undecodable { refusal, correlation }),
    }
}

fn action(frame: UserFrame) -> Result<Action, Refusal> {
    Ok(match frame {
        UserFrame::SendMessage(data) => Action::Send(draft(data)?),
        UserFrame::Typing(data) => Action::Typing { place: data.thread_id.into(), is_typing: data.typing },
        UserFrame::CancelMessage(data) => {
            Action::Stop { place: data.thread_id.into(), turn: data.response_id }
        }
        UserFrame::Resume(data) => Action::Resume(data.positions.into_iter().map(position).collect()),
        UserFrame::History(data) => Action::History {
            place: data.thread_id.into(),
            before: data.before_seq,
            limit: history_limit(data.limit)?,
        },
        // `auth` is no command, and was taken out before.
        UserFrame::Ping | UserFrame::Auth(_) => Action::Heads,
    })
}

fn draft(data: wire::SendMessage) -> Result<Draft, Refusal> {
    if data.content.len() > MAX_TEXT {
        let words = format!("the text has more than {MAX_TEXT} bytes");
        return Err(Refusal::new(ErrorCode::InvalidMessageContent, words));
    }
    let restarts = data.restart.unwrap_or_default();
    Ok(Draft {
        place: data.thread_id.map(Place::Conversation),
        content: data.content,
        kind: KIND_USER.to_owned(),
        content_type: data.content_type.filter(|it| it != TEXT),
        client_id: data.client_message_id,
        attachments: Vec::new(),
        options: TurnOptions { model: data.model, restarts, ..TurnOptions::default() },
    })
}

fn position(position: wire::Position) -> Position {
    Position { place: position.thread_id.into(), seq: position.seq, epoch: position.epoch }
}
