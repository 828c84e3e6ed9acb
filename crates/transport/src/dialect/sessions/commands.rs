//! From frames to commands.

use crate::dialect::Incoming;
use crate::dialect::metadata::files_of;
use parlor_domain::message::KIND_USER;
use parlor_domain::{Action, Command, Correlation, Draft, Place, TurnOptions};
use parlor_protocol::sessions as wire;
use parlor_protocol::sessions::ClientFrame;

/// What a frame that was understood asks.
pub(super) fn incoming(incoming: wire::Incoming) -> Incoming {
    let wire::Incoming { frame, request_id } = incoming;
    let mut correlation =
        Correlation { request_id: request_id.map(Into::into), client_id: None, outside: false };
    let action = match frame {
        ClientFrame::Auth(auth) => return Incoming::Auth { token: auth.token },
        ClientFrame::Ping => Action::Heads,
        ClientFrame::Ask(request) => {
            correlation.client_id = request.client_message_id.as_deref().map(Into::into);
            ask(request)
        }
    };
    Incoming::Command(Command { action, correlation })
}

fn ask(request: wire::Ask) -> Action {
    let pieces = request.stream.unwrap_or_default();
    let options = TurnOptions {
        // What nobody has seen a piece of may begin anew unnoticed.
        restarts: !pieces,
        context: request.context.map(|context| context.as_str().into()),
        raw_events: true,
        ..TurnOptions::default()
    };
    let draft = Draft {
        place: request.session_id.map(Place::Conversation),
        content: request.message,
        kind: request.message_type.unwrap_or_else(|| KIND_USER.to_owned()),
        content_type: None,
        client_id: request.client_message_id,
        attachments: files_of(request.attachments),
        options,
    };
    Action::Ask { draft, pieces }
}
