//! The life of one connection: let in (`admission`), served, ended (`closing`). A user's is served here, a worker's in
//! `worker`.
//!
//! While a user is served, one task runs three things: the input (frames become commands, one after the other), the
//! output (the outbox becomes writes) and the clock (heartbeats, the token's end, the server's end). Whatever ends the
//! connection says so to its outbox, and the output carries it out behind what was promised before.

use super::admission::{Admitted, Rejected};
use super::closing::{CLOSE_WRITE, End, finish, is_clean, unauthenticated};
use super::io::{Socket, Tap};
use super::life::Life;
use super::reader::{Assembly, Burst, Ended, Received};
use super::writer::{Encoded, Writer};
use crate::dialect::{Dialect, Greeting, Incoming, Opening, Undecodable};
use crate::frame;
use crate::live::{LiveFeed, Watching};
use crate::traffic::Traffic;
use bytes::Bytes;
use fastwebsockets::OpCode;
use parlor_domain::{
    Caller, CloseCode, Correlation, ErrorCode, Hub, Joined, Outbox, Outgoing, Refusal, Reply, ReplyBody,
    Session,
};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};

/// The largest frame and message, in bytes.
pub(super) const MAX_FRAME: usize = 2 * 1024 * 1024;
/// How often the clock looks at the time of day at least, since that may jump.
const CLOCK_CHECK: Duration = Duration::from_secs(30);
/// Over how long the connections of a server that drains are spread when they come back. Milliseconds.
const RECONNECT_SPREAD: u64 = 10_000;

/// The time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// For the first message, where the upgrade had no credential.
    pub(crate) authentication: Duration,
    /// Between pings; none sends none.
    pub(crate) heartbeat: Option<Duration>,
}

/// What a connection needs beside its socket.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) hub: Hub,
    pub(crate) dialect: &'static dyn Dialect,
    /// From where its client speaks, where that is known.
    pub(crate) address: Option<IpAddr>,
    pub(crate) timing: Timing,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) live: Arc<LiveFeed>,
}

impl Connection {
    /// Serves a socket to its end. `opening` is done before its first frame. `place` is among those that have not
    /// authenticated; none where they are full.
    pub(crate) async fn run(
        self,
        socket: Socket,
        credential: Option<String>,
        opening: Opening,
        place: Option<OwnedSemaphorePermit>,
    ) {
        let Socket { read: mut tap, write } = socket;
        let (mut writer, mut assembly) = (Writer::new(write, Arc::clone(&self.traffic)), Assembly::default());
        let admitted = match &place {
            Some(_) => tokio::select! {
                admitted = Box::pin(self.admit(&mut tap, &mut assembly, credential)) => admitted,
                () = self.hub.closing() => Err(Some(Rejected::going_away())),
            },
            None => Err(Some(Rejected::of(Refusal::of(ErrorCode::TooManyConnections)))),
        };
        drop(place);
        let end = match admitted {
            Ok(Admitted::User(session, life)) => {
                writer.add(Encoded::Own(self.greeting(&session)));
                self.serve(session, &life, opening, &mut tap, &mut assembly, &mut writer).await
            }
            // Boxed: there are few of them, and every connection has room for this.
            Ok(Admitted::Worker(worker)) => {
                Box::pin(worker.serve(&self, &mut tap, &mut assembly, &mut writer)).await
            }
            Err(Some(Rejected { refusal, close })) => {
                refusal.into_iter().for_each(|refusal| writer.add(Encoded::Own(self.error(refusal))));
                End::Ours(close)
            }
            Err(None) => End::Lost,
        };
        Box::pin(finish(end, &mut tap, &mut writer)).await;
    }

    fn greeting(&self, session: &Session) -> Bytes {
        let (connection, user, now) = (session.connection(), session.user(), self.hub.now());
        self.dialect.greeting(Greeting { connection, user, now })
    }

    fn error(&self, refusal: Refusal) -> Bytes {
        self.dialect.reply(&refused(refusal))
    }

    async fn serve(
        &self,
        mut session: Session,
        life: &Life,
        opening: Opening,
        tap: &mut Tap,
        assembly: &mut Assembly,
        writer: &mut Writer,
    ) -> End {
        let (outbox, joined) = (Arc::clone(session.outbox()), Arc::clone(session.joined()));
        let input = async {
            // Boxed: once it is done a connection holds none of it.
            life.pulse.set_busy(true);
            Box::pin(open(opening, &mut session)).await;
            life.pulse.set_busy(false);
            self.input(&mut session, life, tap, assembly).await
        };
        tokio::select! {
            biased;
            end = self.output(&outbox, life, writer) => end,
            end = input => end,
            never = self.clock(&outbox, &joined, life) => match never {},
        }
    }

    /// Frames become commands, one after the other: while one is done, the client's next ones wait in its socket.
    async fn input(&self, session: &mut Session, life: &Life, tap: &mut Tap, assembly: &mut Assembly) -> End {
        let mut watching = None;
        loop {
            let Ok(mut burst) = Burst::begin(tap, assembly, MAX_FRAME).await else { return End::Lost };
            loop {
                match burst.next().await {
                    // Boxed: between messages a connection holds none of it.
                    Ok(Received::Text(text)) => {
                        Box::pin(self.message(&text, session, life, &mut watching)).await;
                    }
                    Ok(Received::Ping(payload)) => {
                        session.count();
                        session.outbox().push(Outgoing::Raw(frame::control(OpCode::Pong, &payload)));
                    }
                    Ok(Received::Pong(None)) => {}
                    Ok(Received::Pong(Some(number))) => session.answered(number),
                    Ok(Received::Binary(frame)) => {
                        if !Box::pin(self.binary(frame, session, life, &mut watching)).await {
                            return close(session, CloseCode::Unsupported).await;
                        }
                    }
                    Ok(Received::Close(code)) => {
                        if is_clean(code) {
                            session.closed();
                        }
                        return End::Client(code);
                    }
                    Err(Ended::Broken(code)) => return close(session, code).await,
                    Err(Ended::Lost) => return End::Lost,
                }
                life.pulse.saw();
                if burst.at_rest() {
                    break;
                }
            }
        }
    }

    async fn message(
        &self,
        text: &str,
        session: &mut Session,
        life: &Life,
        watching: &mut Option<Box<Watching>>,
    ) {
        self.perform(self.dialect.decode(text), session, life, watching).await;
    }

    /// False where this dialect has no binary frames.
    async fn binary(
        &self,
        frame: Bytes,
        session: &mut Session,
        life: &Life,
        watching: &mut Option<Box<Watching>>,
    ) -> bool {
        let Some(incoming) = self.dialect.binary(frame) else { return false };
        self.perform(incoming, session, life, watching).await;
        true
    }

    async fn perform(
        &self,
        incoming: Result<Incoming, Undecodable>,
        session: &mut Session,
        life: &Life,
        watching: &mut Option<Box<Watching>>,
    ) {
        life.pulse.set_busy(true);
        match incoming {
            Ok(Incoming::Command(command)) => session.handle(command).await,
            Ok(Incoming::Auth { token }) => {
                Box::pin(self.extend(&token, session, life, watching)).await;
            }
            Ok(Incoming::Watch { on, correlation }) => {
                let watch = on.then(|| life.caller());
                Box::pin(self.watch(watch, correlation, session, watching)).await;
            }
            Ok(Incoming::Worker(_)) => {
                session.reject(Correlation::default(), Refusal::of(ErrorCode::Forbidden));
            }
            Ok(Incoming::Nothing) => {
                session.count();
            }
            Err(Undecodable { refusal, correlation }) => session.reject(correlation, refusal),
        }
        life.pulse.set_busy(false);
    }

    /// A new token for the same user keeps the connection going. With any other, the one it has goes on to count.
    async fn extend(
        &self,
        token: &str,
        session: &Session,
        life: &Life,
        watching: &mut Option<Box<Watching>>,
    ) {
        let outcome = self.hub.authenticate(token).await;
        let extended = outcome.and_then(|caller| session.extend(&caller).map(|()| caller));
        let answer = match extended {
            Ok(caller) => {
                // Who watches is asked by the token that they came with: with another one they ask again.
                if caller.identity.role != life.caller().identity.role {
                    *watching = None;
                }
                life.extend(caller.at(self.address));
                self.greeting(session)
            }
            Err(refusal) => self.error(refusal),
        };
        session.outbox().push(Outgoing::Raw(answer));
    }

    /// Begins to watch this node, for a caller, or ends it.
    async fn watch(
        &self,
        caller: Option<Caller>,
        correlation: Correlation,
        session: &mut Session,
        watching: &mut Option<Box<Watching>>,
    ) {
        if !session.count() {
            return;
        }
        // Who asks again begins again.
        *watching = None;
        let Some(caller) = caller else { return };
        match self.live.watch(caller, session.outbox(), self.dialect, &correlation).await {
            Ok(begun) => *watching = Some(Box::new(begun)),
            Err(refusal) => {
                let reply = Reply { correlation, ..refused(refusal) };
                session.outbox().push(Outgoing::Reply(Box::new(reply)));
            }
        }
    }

    /// The outbox becomes writes, as many frames in one as there are.
    async fn output(&self, outbox: &Outbox, life: &Life, writer: &mut Writer) -> End {
        let mut batch = VecDeque::new();
        loop {
            tokio::select! {
                biased;
                written = writer.write() => if written.is_err() { return End::Lost },
                close = outbox.overflowed() => {
                    writer.give_up();
                    return End::Ours(close);
                }
            }
            life.pulse.wrote();
            if let Err(close) = outbox.take(&mut batch).await {
                return End::Ours(close);
            }
            batch.drain(..).for_each(|item| writer.add(self.encode(item)));
        }
    }

    fn encode(&self, item: Outgoing) -> Encoded {
        match item {
            Outgoing::Event(event) => {
                let slot = self.dialect.slot();
                event.encoded(slot, |event| self.dialect.event(event));
                Encoded::Shared(event, slot)
            }
            Outgoing::Reply(reply) => Encoded::Own(self.dialect.reply(&reply)),
            Outgoing::Raw(bytes) | Outgoing::Probe { frame: bytes, .. } => Encoded::Own(bytes),
        }
    }

    /// Pings, tells when the server drains, and ends the connection when the client is silent, its token is over, or
    /// the server goes away.
    async fn clock(&self, outbox: &Outbox, joined: &Joined, life: &Life) -> Infallible {
        let heartbeat = self.timing.heartbeat;
        let (mut pings, mut knows_of_drain) = (0, false);
        let mut ping_at = heartbeat.map(|interval| Instant::now() + interval);
        loop {
            let left = life.expires_at().since(self.hub.now()).min(CLOCK_CHECK);
            let wake_at = ping_at.unwrap_or(Instant::now() + CLOCK_CHECK).min(Instant::now() + left);
            tokio::select! {
                // In this order, since both come at once where no reply is live.
                biased;
                () = self.hub.draining(), if !knows_of_drain => {
                    knows_of_drain = true;
                    self.send_away(outbox);
                }
                () = self.hub.closing(), if !outbox.is_closed() => outbox.close(CloseCode::GoingAway),
                () = sleep_until(wake_at) => {}
            }
            if self.hub.now() >= life.expires_at() && !outbox.is_closed() {
                outbox.push(Outgoing::Raw(self.error(Refusal::of(ErrorCode::TokenExpired))));
                outbox.close(unauthenticated("Token expired"));
            }
            if let (Some(at), Some(interval)) = (ping_at, heartbeat)
                && at <= Instant::now()
            {
                if life.pulse.silent_for() > interval * 2 {
                    outbox.close(CloseCode::TooSlow);
                }
                pings += 1;
                self.beat(outbox, joined, pings);
                ping_at = Some(Instant::now() + interval);
            }
            if outbox.is_closed() {
                // Nothing is left to do but to end a connection that does not take its last frames.
                ping_at = ping_at.or(Some(Instant::now() + CLOSE_WRITE));
                sleep_until(Instant::now() + CLOSE_WRITE).await;
                outbox.close(CloseCode::TooSlow);
            }
        }
    }

    /// The dialect's heartbeat, then a ping: its pong proves that the client has everything before it.
    fn beat(&self, outbox: &Outbox, joined: &Joined, number: u64) {
        if let Some(heartbeat) = self.dialect.heartbeat(self.hub.now(), joined.heads()) {
            outbox.push(Outgoing::Raw(heartbeat));
        }
        let frame = frame::control(OpCode::Ping, &number.to_be_bytes());
        outbox.push(Outgoing::Probe { number, frame });
    }

    /// Asks the client to come back, each at a time of its own: the end of its id is random.
    fn send_away(&self, outbox: &Outbox) {
        let (_, random) = outbox.connection().as_uuid().as_u64_pair();
        if let Some(wish) = self.dialect.reconnect(Duration::from_millis(random % (RECONNECT_SPREAD + 1))) {
            outbox.push(Outgoing::Raw(wish));
        }
    }
}

/// An answer to what no command asked.
fn refused(refusal: Refusal) -> Reply {
    let body = ReplyBody::Refused { refusal, conversation: None };
    Reply { correlation: Correlation::default(), room: None, body }
}

/// Does what the upgrade asked for. It counts against no limit: the handshake did that.
async fn open(opening: Opening, session: &mut Session) {
    for asked in opening {
        match asked {
            Ok(command) => session.perform(command).await,
            Err(refusal) => {
                session.outbox().push(Outgoing::Reply(Box::new(refused(refusal))));
            }
        }
    }
}

/// Says that the connection ends, and reads nothing more: the output ends it.
async fn close(session: &Session, code: CloseCode) -> End {
    session.outbox().close(code);
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;

    fn size<F: Future>(
        _: impl Fn(Connection, Socket, Option<String>, Opening, Option<OwnedSemaphorePermit>) -> F,
    ) -> usize {
        size_of::<F>()
    }

    /// Every idle connection holds this future: what is rare and large in it is boxed.
    #[test]
    fn a_waiting_connection_is_small() {
        let size = size(Connection::run);
        assert!(size <= 3 * 1024, "{size} bytes");
    }
}
