//! The life of one socket in the namespace: let in, served, ended.
//!
//! As on a WebSocket of our own, one task runs three things: the input (events become commands, one after the other), the
//! output (the outbox becomes events) and the clock (the token's end, the server's end). Heartbeats are the library's.

use super::admission::Admitted;
use super::door::Entrance;
use super::inbox::{self, Inbox, Sender};
use crate::dialect::Undecodable;
use crate::dialect::socketio as dialect;
use crate::server::State;
use parlor_domain::{
    Action, Close, CloseCode, Command, Correlation, ErrorCode, Hub, Outbox, Outgoing, Refusal, Session,
    Timestamp, UserId,
};
use parlor_protocol::socketio::ServerEvent;
use serde_json::Value;
use socketioxide::extract::{Event, SocketRef, TryData};
use socketioxide::{SendError, SocketError, SocketIo};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often the clock looks at the time of day at least, since that may jump.
const CLOCK_CHECK: Duration = Duration::from_secs(30);
/// How long the output rests where the client's transport is full: the library does not say when it is not.
const FULL: Duration = Duration::from_millis(20);
/// How long a client may take to be told that its connection ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a connection needs.
struct Connection {
    hub: Hub,
    io: SocketIo,
    socket: SocketRef,
    /// Cancelled when the socket is gone.
    gone: CancellationToken,
    expires_at: Timestamp,
}

/// A socket that is let in, and listened to.
pub(super) struct Prepared {
    session: Session,
    inbox: Inbox,
    gone: CancellationToken,
    expires_at: Timestamp,
}

/// Begins to listen to a socket, before it is told that it is in.
pub(super) fn prepare(socket: &SocketRef, session: Session, expires_at: Timestamp) -> Prepared {
    let (sender, inbox) = inbox::channel();
    let gone = CancellationToken::new();
    listen(socket, &sender, &gone, &session);
    Prepared { session, inbox, gone, expires_at }
}

/// Begins to serve a socket that was let in.
pub(super) fn begin(state: &State, io: &SocketIo, socket: SocketRef) {
    let Some(prepared) = socket.extensions.get::<Admitted>().and_then(|it| it.take()) else { return };
    let Prepared { session, inbox, gone, expires_at } = prepared;
    let (hub, io) = (state.hub.clone(), io.clone());
    let connection = Connection { hub, io, socket, gone, expires_at };
    state.sockets.spawn(connection.serve(session, inbox));
}

/// Takes the client's events in, in their order: the library runs these functions where it reads, and what they return
/// elsewhere.
fn listen(socket: &SocketRef, sender: &Sender, gone: &CancellationToken, session: &Session) {
    for name in ["chat:start", "chat:stop"] {
        let take_in = taker(sender, session);
        socket.on(name, move |TryData(argument): TryData<Value>| {
            take_in(name, argument.ok());
            ready(())
        });
    }
    let take_in = taker(sender, session);
    socket.on_fallback(move |Event(name): Event| {
        take_in(&name, None);
        ready(())
    });
    let gone = gone.clone();
    socket.on_disconnect(move || {
        gone.cancel();
        ready(())
    });
}

/// What takes an event in. Who sends more than can wait is closed.
fn taker(sender: &Sender, session: &Session) -> impl Fn(&str, Option<Value>) + Clone + Send + Sync + 'static {
    let (sender, outbox, user): (_, _, UserId) =
        (sender.clone(), Arc::clone(session.outbox()), session.user());
    move |name, argument| {
        let weight = argument.as_ref().map_or(0, weight_of);
        if !sender.push(dialect::command(name, argument, user), weight) {
            outbox.push(Outgoing::Reply(Box::new(dialect::refused(Refusal::of(ErrorCode::RateLimit)))));
            outbox.close(CloseCode::Flooding);
        }
    }
}

/// About how many bytes an argument's texts have.
fn weight_of(argument: &Value) -> usize {
    match argument {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(weight_of).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + weight_of(value)).sum(),
        _ => 8,
    }
}

impl Connection {
    async fn serve(self, mut session: Session, mut inbox: Inbox) {
        let outbox = Arc::clone(session.outbox());
        let input = async {
            // Of what was asked before this connection came, what still runs is shown.
            session.perform(Command { action: Action::FollowOwn, correlation: Correlation::default() }).await;
            while let Some(asked) = inbox.next().await {
                match asked {
                    Ok(command) => session.handle(command).await,
                    Err(Undecodable { refusal, correlation }) => session.reject(correlation, refusal),
                }
            }
            std::future::pending::<()>().await;
        };
        let close = tokio::select! {
            biased;
            () = self.gone.cancelled() => None,
            close = self.output(&outbox) => close,
            () = input => None,
            never = self.clock(&outbox) => match never {},
        };
        match self.socket.req_parts().extensions.get::<Entrance>() {
            Some(entrance) => entrance.keep(session),
            None => drop(session),
        }
        if let Some(close) = close {
            self.end(&close).await;
        }
    }

    /// The outbox becomes events. Gives why we end the connection; nothing where it is gone.
    async fn output(&self, outbox: &Outbox) -> Option<Close> {
        let mut batch = VecDeque::new();
        loop {
            if let Err(close) = outbox.take(&mut batch).await {
                return Some(close);
            }
            for item in batch.drain(..) {
                for event in dialect::events(&item) {
                    tokio::select! {
                        biased;
                        sent = self.send(&event) => if !sent { return None },
                        close = outbox.overflowed() => return Some(close),
                    }
                }
            }
        }
    }

    /// Sends an event as soon as the client's transport has room for it. False where it is gone.
    async fn send(&self, event: &ServerEvent<'_>) -> bool {
        loop {
            match self.socket.emit(event.name(), event) {
                Ok(()) => return true,
                Err(SendError::Socket(SocketError::InternalChannelFull)) => sleep(FULL).await,
                Err(SendError::Socket(_)) => return false,
                Err(SendError::Serialize(error)) => {
                    tracing::error!(%error, "an event could not be written");
                    return true;
                }
            }
        }
    }

    /// Ends the connection when its token is over, or the server goes away.
    async fn clock(&self, outbox: &Outbox) -> Infallible {
        loop {
            let left = self.expires_at.since(self.hub.now()).min(CLOCK_CHECK);
            tokio::select! {
                () = self.hub.closing(), if !outbox.is_closed() => outbox.close(CloseCode::GoingAway),
                () = sleep(left.max(FULL)) => {}
            }
            if self.hub.now() >= self.expires_at && !outbox.is_closed() {
                let over = dialect::refused(Refusal::of(ErrorCode::TokenExpired));
                outbox.push(Outgoing::Reply(Box::new(over)));
                outbox.close(CloseCode::Unauthenticated);
            }
        }
    }

    /// Tells the client that its connection ends. A server that goes away closes the transports, so that clients come
    /// back by themselves; in all other cases it is the client's to decide.
    async fn end(&self, close: &Close) {
        if close.code == CloseCode::GoingAway {
            self.io.close().await;
            return;
        }
        let until = Instant::now() + LAST_WORDS;
        while self.socket.connected() && Instant::now() < until {
            match self.socket.clone().disconnect() {
                Err(SocketError::InternalChannelFull) => sleep(FULL).await,
                _ => break,
            }
        }
        // Who takes nothing is ended by the heartbeats.
        let _ = timeout(LAST_WORDS, self.gone.cancelled()).await;
    }
}
