//! What stands between a reply that is made and who reads it, where texts are moderated: pieces are held back until the
//! window that they stand in has been judged.
//!
//! A window is so many bytes or so much time, as the moderator wants it. It ends behind a word: the word that has just
//! begun waits for its end, so that nobody sees half of one. With each window is judged what was let go before it, for
//! what takes several words. While one window is judged, the next one fills; when that is full, the backend waits.

use super::{Piece, PieceBody, Pieces};
use crate::MessageId;
use crate::moderation::{Moderation, Objection};
use crate::ports::{Judgement, Window};
use futures_util::future::{BoxFuture, Either, select};
use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How many pieces may be on their way to the screen.
pub(super) const PIECES: usize = 64;
/// How much is held back at most, in bytes; then the backend's stream waits.
const HELD_MAX: usize = 64 * 1024;
/// How much of what was let go is judged once more with what follows it, in bytes.
const OVERLAP: usize = 512;
/// The longest word that waits for its end, in bytes: languages without spaces are cut anywhere.
const WORD_MAX: usize = 128;
/// How long it waits.
const WORD_WAIT: Duration = Duration::from_secs(1);
/// The texts of a reply that are judged each for itself: what it says, thinks, and calls.
const PARTS: usize = 3;

/// Lets pieces through from `inlet` to `pieces` until there are no more. Error: one that may not pass, and what was held
/// back with it.
pub(super) async fn run(
    moderation: &Moderation,
    mut inlet: mpsc::Receiver<Piece>,
    pieces: &Pieces,
) -> Result<(), Objection> {
    let mut held = Held::new(moderation.window());
    let mut judging: Option<BoxFuture<'_, Result<Checked, Objection>>> = None;
    let (mut turn, mut open) = (None, true);
    loop {
        if judging.is_none()
            && let Some(windowed) = held.take_due(!open)
        {
            judging = Some(Box::pin(check(moderation, windowed)));
        }
        let due = held.due_at().filter(|_| judging.is_none());
        if !open && judging.is_none() {
            return Ok(());
        }
        tokio::select! {
            biased;
            checked = wait(&mut judging) => {
                judging = None;
                let checked = checked?;
                held.tails = checked.tails;
                for body in checked.bodies {
                    tell(pieces, turn, body).await;
                }
            }
            piece = inlet.recv(), if open && held.bytes < HELD_MAX => match piece {
                Some(Piece { turn: id, body: body @ PieceBody::Restarted(_) }) => {
                    // What was held back counts no more, and is never shown.
                    (turn, judging, held) = (Some(id), None, Held::new(moderation.window()));
                    tell(pieces, turn, body).await;
                }
                Some(Piece { turn: id, body }) => {
                    turn = Some(id);
                    held.push(body);
                }
                None => open = false,
            },
            () = until(due), if due.is_some() => {}
        }
    }
}

/// Makes a reply beside its screen. Error: the screen's; then no more is made. What is made is whole once both are.
pub(super) async fn both<T>(
    making: impl Future<Output = T>,
    screening: impl Future<Output = Result<(), Objection>>,
) -> Result<T, Objection> {
    let (making, screening) = (pin!(making), pin!(screening));
    match select(making, screening).await {
        Either::Left((made, screening)) => screening.await.map(|()| made),
        Either::Right((screened, making)) => {
            screened?;
            Ok(making.await) // it drops its side of the channel first
        }
    }
}

/// Its receiver lives as long as this turn; where it does not, nobody wants the piece.
async fn tell(pieces: &Pieces, turn: Option<MessageId>, body: PieceBody) {
    if let Some(turn) = turn {
        let _ = pieces.send(Piece { turn, body }).await;
    }
}

async fn wait<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// A window on its way to be judged.
struct Windowed {
    bodies: VecDeque<PieceBody>,
    /// What was let go before it, of each part.
    tails: [String; PARTS],
}

/// A window that may pass.
struct Checked {
    bodies: VecDeque<PieceBody>,
    /// What is judged again with the next one.
    tails: [String; PARTS],
}

async fn check(moderation: &Moderation, windowed: Windowed) -> Result<Checked, Objection> {
    let Windowed { bodies, tails } = windowed;
    let (mut texts, mut grown) = (tails, [false; PARTS]);
    for body in &bodies {
        let Some(part) = part_of(body) else { continue };
        grown[part] = true;
        match body {
            PieceBody::Text(text) | PieceBody::Reasoning(text) => texts[part].push_str(text),
            PieceBody::ToolCall(call) => {
                texts[part].push_str(call.name.as_deref().unwrap_or_default());
                texts[part].push_str(&call.arguments);
            }
            PieceBody::Restarted(_) => {}
        }
    }
    let spoken = texts.iter().zip(grown).filter(|(text, grown)| *grown && !text.trim().is_empty());
    let asked: Vec<String> = spoken.map(|(text, _)| text.clone()).collect();
    if !asked.is_empty() {
        let judged = moderation.judge(&asked).await?;
        if let Some(flagged) = judged.into_iter().find(Judgement::is_flagged) {
            return Err(Objection::Flagged(flagged.categories));
        }
    }
    Ok(Checked { bodies, tails: texts.map(tail) })
}

/// The end of a text, from the beginning of a word on: half a word may mean something else. What is longer than words are,
/// as in scripts without spaces, is cut within.
fn tail(mut text: String) -> String {
    let from = text.ceil_char_boundary(text.len().saturating_sub(OVERLAP));
    if from > 0 {
        let word = &text[from..text.floor_char_boundary(from + WORD_MAX)];
        let begins = word.find(char::is_whitespace).map_or(from, |at| from + at);
        text.drain(..begins);
    }
    text
}

fn part_of(body: &PieceBody) -> Option<usize> {
    match body {
        PieceBody::Text(_) => Some(0),
        PieceBody::Reasoning(_) => Some(1),
        PieceBody::ToolCall(_) => Some(2),
        PieceBody::Restarted(_) => None,
    }
}

/// What waits to be judged.
struct Held {
    window: Window,
    bodies: VecDeque<PieceBody>,
    bytes: usize,
    /// Since when the first of it waits.
    since: Option<Instant>,
    tails: [String; PARTS],
}

impl Held {
    fn new(window: Window) -> Self {
        Self { window, bodies: VecDeque::new(), bytes: 0, since: None, tails: Default::default() }
    }

    /// Neighbours of one text become one piece.
    fn push(&mut self, body: PieceBody) {
        self.bytes += match &body {
            PieceBody::Text(text) | PieceBody::Reasoning(text) => text.len(),
            PieceBody::ToolCall(call) => call.arguments.len() + call.name.as_ref().map_or(1, String::len),
            PieceBody::Restarted(_) => 0,
        };
        self.since.get_or_insert_with(Instant::now);
        match (self.bodies.back_mut(), body) {
            (Some(PieceBody::Text(before)), PieceBody::Text(text))
            | (Some(PieceBody::Reasoning(before)), PieceBody::Reasoning(text)) => before.push_str(&text),
            (_, body) => self.bodies.push_back(body),
        }
    }

    /// When it is to be judged, whether more comes or not.
    fn due_at(&self) -> Option<Instant> {
        let since = self.since?;
        let full = self.bytes >= self.window.bytes;
        Some(match self.is_one_word() {
            true => since + self.window.wait.max(WORD_WAIT),
            false if full => since,
            false => since + self.window.wait,
        })
    }

    /// Whether all that waits is a word that has just begun.
    fn is_one_word(&self) -> bool {
        self.bodies.len() == 1 && self.bodies.back().is_some_and(|body| word_at(body) == Some(0))
    }

    /// What is to be judged now: all of it where no more comes (`ends`), or where a word took too long to end.
    fn take_due(&mut self, ends: bool) -> Option<Windowed> {
        let due = self.due_at()?;
        if !ends && Instant::now() < due {
            return None;
        }
        let mut bodies = std::mem::take(&mut self.bodies);
        (self.bytes, self.since) = (0, None);
        if !ends
            && bodies.len() + usize::from(bodies.back().and_then(word_at) != Some(0)) > 1
            && let Some(word) = bodies.back_mut().and_then(split_word)
        {
            self.push(word);
            bodies.retain(|body| !is_empty(body));
        }
        Some(Windowed { bodies, tails: std::mem::take(&mut self.tails) })
    }
}

fn is_empty(body: &PieceBody) -> bool {
    matches!(body, PieceBody::Text(text) | PieceBody::Reasoning(text) if text.is_empty())
}

/// Where in a text its last word begins, if it may go on.
fn word_at(body: &PieceBody) -> Option<usize> {
    let (PieceBody::Text(text) | PieceBody::Reasoning(text)) = body else { return None };
    let space = text.char_indices().rfind(|(_, it)| it.is_whitespace());
    let at = space.map_or(0, |(at, space)| at + space.len_utf8());
    (1..=WORD_MAX).contains(&(text.len() - at)).then_some(at)
}

/// Takes the last word off a text, if it may go on.
fn split_word(body: &mut PieceBody) -> Option<PieceBody> {
    let at = word_at(body)?;
    match body {
        PieceBody::Text(text) => Some(PieceBody::Text(text.split_off(at))),
        PieceBody::Reasoning(text) => Some(PieceBody::Reasoning(text.split_off(at))),
        PieceBody::ToolCall(_) | PieceBody::Restarted(_) => None,
    }
}
