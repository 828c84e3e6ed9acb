//! Who is there: a user, by the upgrade's credential or the first message, or an AI worker, by the first message alone.

use super::closing::unauthenticated;
use super::connection::Connection;
use super::io::Tap;
use super::life::Life;
use super::reader::{Assembly, Burst, Ended, Received};
use super::worker::WorkerSocket;
use crate::dialect::Incoming;
use parlor_domain::{Close, CloseCode, ErrorCode, Refusal, Session, WorkerHello};
use tokio::time::timeout;

/// The largest frame before the client is known, in bytes.
const MAX_FIRST_FRAME: usize = 64 * 1024;

/// Who was let in.
pub(super) enum Admitted {
    /// Its life is behind a pointer: a connection's future holds this more than once.
    User(Session, Box<Life>),
    Worker(WorkerSocket),
}

/// Why a client was not let in.
pub(super) struct Rejected {
    /// None where it is no fault of theirs.
    pub(super) refusal: Option<Refusal>,
    pub(super) close: Close,
}

/// None: the connection is gone.
type Admission<T> = Result<T, Option<Rejected>>;

impl Connection {
    /// Finds out who it is.
    pub(super) async fn admit(
        &self,
        tap: &mut Tap,
        assembly: &mut Assembly,
        credential: Option<String>,
    ) -> Admission<Admitted> {
        let token = match credential {
            Some(token) => token,
            None => match self.first_message(tap, assembly).await? {
                Incoming::Auth { token } => token,
                Incoming::Worker(hello) => return self.admit_worker(hello).map_err(Some),
                _ => return Err(Some(Rejected::of(Refusal::of(ErrorCode::Unauthenticated)))),
            },
        };
        let caller = self.hub.authenticate(&token).await.map_err(|refusal| Some(Rejected::of(refusal)))?;
        let caller = caller.at(self.address);
        let session = if self.dialect.for_answers_alone() {
            self.hub.connect_for_answers(&caller)
        } else if self.dialect.catches_up() {
            self.hub.connect_to_catch_up(&caller)
        } else {
            self.hub.connect(&caller)
        };
        let session = session.map_err(|refusal| Some(Rejected::of(refusal)))?;
        Ok(Admitted::User(session, Box::new(Life::new(caller))))
    }

    fn admit_worker(&self, hello: Result<WorkerHello, Refusal>) -> Result<Admitted, Rejected> {
        let (Some(dialect), hello) = (self.dialect.workers(), hello.map_err(Rejected::of)?) else {
            return Err(Rejected::of(Refusal::of(ErrorCode::Unauthenticated)));
        };
        let name = hello.name.clone();
        let (link, orders) = self.hub.worker_connect(hello).map_err(Rejected::of)?;
        Ok(Admitted::Worker(WorkerSocket { name, dialect, link, orders }))
    }

    async fn first_message(&self, tap: &mut Tap, assembly: &mut Assembly) -> Admission<Incoming> {
        let required = || Some(Rejected::of(Refusal::of(ErrorCode::Unauthenticated)));
        let mut burst = Burst::single(tap, assembly, MAX_FIRST_FRAME);
        let text = timeout(self.timing.authentication, async {
            loop {
                match burst.next().await {
                    Ok(Received::Text(text)) => return Ok(text),
                    Ok(Received::Ping(_) | Received::Pong(_)) => {}
                    Ok(Received::Binary(_)) => return Err(Some(Rejected::closing(CloseCode::Unsupported))),
                    Err(Ended::Broken(code)) => return Err(Some(Rejected::closing(code))),
                    Ok(Received::Close(_)) | Err(Ended::Lost) => return Err(None),
                }
            }
        });
        self.dialect.decode(&text.await.map_err(|_| required())??).map_err(|_| required())
    }
}

impl Rejected {
    pub(super) fn of(refusal: Refusal) -> Self {
        let close = match refusal.code {
            ErrorCode::TooManyConnections => CloseCode::TooManyConnections.into(),
            ErrorCode::Internal => CloseCode::Internal.into(),
            ErrorCode::TokenExpired => unauthenticated("Token expired"),
            ErrorCode::Unauthenticated | ErrorCode::InvalidRequest => CloseCode::Unauthenticated.into(),
            ErrorCode::InvalidServiceKey => unauthenticated("Invalid service key"),
            _ => unauthenticated("Invalid token"),
        };
        Self { refusal: Some(refusal), close }
    }

    /// What came was not even a text frame.
    fn closing(code: CloseCode) -> Self {
        Self { refusal: Some(Refusal::of(ErrorCode::Unauthenticated)), close: code.into() }
    }

    /// The server ends before it knows who they are.
    pub(super) fn going_away() -> Self {
        Self { refusal: None, close: CloseCode::GoingAway.into() }
    }
}
