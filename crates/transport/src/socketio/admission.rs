//! Who connects to the namespace: the token of the handshake's `auth`, or of the request that brought it.

use super::connection::{self, Prepared};
use super::door::Entrance;
use crate::server::State;
use parking_lot::Mutex;
use parlor_domain::ErrorCode;
use parlor_protocol::socketio::Auth;
use socketioxide::extract::{SocketRef, TryData};
use std::fmt;
use std::sync::Arc;

/// What is on its way from its admission to its connection.
#[derive(Clone)]
pub(super) struct Admitted(Arc<Mutex<Option<Prepared>>>);

impl Admitted {
    /// Takes it; nothing the second time.
    pub(super) fn take(&self) -> Option<Prepared> {
        self.0.lock().take()
    }
}

/// Why somebody was not let in: what the client gets as `connect_error`.
pub(super) struct Refused(ErrorCode);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Lets a socket in, or tells why not.
pub(super) async fn admit(
    state: &State,
    socket: SocketRef,
    TryData(auth): TryData<Auth>,
) -> Result<(), Refused> {
    let request = socket.req_parts();
    let token = auth.ok().and_then(|auth| auth.token);
    let token = token.or_else(|| crate::http::bearer(&request.headers).map(ToOwned::to_owned));
    let token = token.ok_or(Refused(ErrorCode::Unauthenticated))?;
    if state.hub.is_draining() {
        return Err(Refused(ErrorCode::AiUnavailable));
    }
    let caller = state.hub.authenticate(&token).await.map_err(|refusal| Refused(refusal.code))?;
    let entrance = request.extensions.get::<Entrance>();
    let caller = caller.at(entrance.and_then(|entrance| entrance.address));
    let expires_at = caller.identity.expires_at;
    if let Some(entrance) = entrance {
        entrance.forget();
    }
    let session = state.hub.connect_to_own_turns(&caller).map_err(|refusal| Refused(refusal.code))?;
    if let Some(entrance) = entrance {
        entrance.free();
    }
    // The client may speak as soon as it knows that it is in, which is before its connection begins.
    let prepared = connection::prepare(&socket, session, expires_at);
    socket.extensions.insert(Admitted(Arc::new(Mutex::new(Some(prepared)))));
    Ok(())
}
