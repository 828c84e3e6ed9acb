//! One backend's try: from its stream to pieces, under the turn's time limits.

use super::progress::Taken;
use super::{Piece, Pieces, Progress};
use crate::MessageId;
use crate::hub::Shared;
use crate::ports::{AttemptOutcome, Backend, BackendError, TurnRequest};
use crate::router::Verdict;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How an attempt ended, where it did not end well.
#[derive(Debug)]
pub(super) enum Failure {
    /// The backend failed.
    Backend(BackendError),
    /// It was silent for too long.
    Silent(Duration),
    /// Its stream ended without saying that the reply was whole.
    CutOff,
    /// It says more than a message can hold.
    Endless,
}

impl Failure {
    /// Whether the same backend may do better a little later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Backend(error) => error.is_passing(),
            Self::CutOff => true,
            Self::Silent(_) | Self::Endless => false,
        }
    }

    /// What it tells of the backend's health. That it refuses the request tells nothing; that it refuses us does.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Backend(BackendError::Status { retry_after: Some(wait), .. }) => Verdict::Busy(*wait),
            Self::Backend(BackendError::Status { status, .. }) => match status {
                401 | 403 | 408 | 425 | 429 | 500..=599 => Verdict::Failed,
                _ => Verdict::Nothing,
            },
            Self::Backend(_) | Self::Silent(_) | Self::CutOff => Verdict::Failed,
            Self::Endless => Verdict::Nothing,
        }
    }

    pub(super) fn outcome(failure: Option<&Self>) -> AttemptOutcome {
        match failure {
            None => AttemptOutcome::Complete,
            Some(Self::Backend(BackendError::Unreachable(_))) => AttemptOutcome::Unreachable,
            Some(Self::Backend(BackendError::Status { .. })) => AttemptOutcome::Refused,
            Some(Self::Silent(_)) => AttemptOutcome::Silent,
            Some(Self::Backend(BackendError::Malformed(_)) | Self::CutOff | Self::Endless) => {
                AttemptOutcome::Broken
            }
        }
    }

    pub(super) fn report(&self, turn: MessageId, backend: &str) {
        match self {
            Self::Backend(error) => tracing::warn!(%turn, backend, %error, "backend failed"),
            Self::Silent(limit) => tracing::warn!(%turn, backend, ?limit, "backend was silent"),
            Self::CutOff => tracing::warn!(%turn, backend, "backend's stream was cut off"),
            Self::Endless => tracing::warn!(%turn, backend, "backend's reply is too long"),
        }
    }
}

/// Its whole stream, or how it failed.
pub(super) async fn stream(
    shared: &Shared,
    backend: &Arc<dyn Backend>,
    request: TurnRequest,
    pieces: &Pieces,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let limits = &shared.settings.turns;
    let turn = request.turn;
    let mut limit = limits.first_token;
    let mut until = Instant::now() + limit;
    let opened = timeout_at(until, backend.open(request)).await;
    let mut stream = opened.map_err(|_| Failure::Silent(limit))?.map_err(Failure::Backend)?;
    progress.opened();
    loop {
        let next = timeout_at(until, stream.next()).await.map_err(|_| Failure::Silent(limit))?;
        let delta = next.ok_or(Failure::CutOff)?.map_err(Failure::Backend)?;
        let Taken { restarted, body, ended } = progress.take(delta, shared.settings.max_reply());
        let shows = body.is_some();
        for body in restarted.into_iter().chain(body) {
            // Its receiver lives as long as this turn; where it does not, nobody wants the piece.
            let _ = pieces.send(Piece { turn, body }).await;
        }
        match ended {
            Some(ended) => return ended,
            // It lives: from the first sign of that on, the other limit counts.
            None if shows => {
                limit = limits.between_tokens;
                until = Instant::now() + limit;
            }
            None if progress.is_shown() => until = Instant::now() + limit,
            None => {}
        }
    }
}
