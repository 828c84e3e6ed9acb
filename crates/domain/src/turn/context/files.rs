//! The files that messages carry, as a backend is told of them, beside the message that has each: all of them by name, texts
//! with as much of their text as has room, and images as images where some backend looks at them. A reply is made without
//! what cannot be read in time.

use super::{IMAGE_TOKENS, estimate_tokens};
use crate::hub::Shared;
use crate::message::{Attachment, Message};
use crate::ports::{ContextImage, FileRecord, FileStatus};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a turn waits for files, all of them together.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many files of one turn are opened; older ones are told of by name.
const OPENED: usize = 20;
/// How many images one turn shows, and how many bytes they have together.
const IMAGES: usize = 4;
const IMAGE_BYTES: usize = 8 * 1024 * 1024;
/// With less room than this, in tokens, a text is not begun.
const TEXT_MIN: usize = 50;
/// What is written around a text, in bytes, beside the file's name.
const ENVELOPE: usize = 160;

/// What is told of a message's files.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Stands behind the message's text.
    pub(super) text: String,
    pub(super) images: Vec<ContextImage>,
    /// What both cost, by estimate.
    pub(super) tokens: usize,
}

/// The files of one turn's context.
pub(super) struct Files<'a> {
    shared: &'a Shared,
    shows_images: bool,
    /// How many tokens all texts may have: as many as half of the context.
    share: usize,
    opened: usize,
    images: usize,
    image_bytes: usize,
    /// When whoever waits has waited long enough; known with the first file.
    until: Option<Instant>,
}

impl<'a> Files<'a> {
    /// For a turn that is to be answered by `model`.
    pub(super) fn new(shared: &'a Shared, model: Option<&str>) -> Self {
        let shows_images = shared.router.takes_images(model);
        let share = shared.settings.turns.context_tokens / 2;
        Self { shared, shows_images, share, opened: 0, images: 0, image_bytes: 0, until: None }
    }

    /// What is told of the files of `message`, in at most `room` tokens. Nothing of those whose names have no room.
    pub(super) async fn told(&mut self, message: &Message, room: usize) -> Told {
        let mut told = Told::default();
        let attachments = message.metadata.iter().flat_map(|metadata| &metadata.attachments);
        for (attachment, number) in attachments.zip(1..) {
            let heading = heading(attachment, number);
            let least =
                estimate_tokens(&told.text) + estimate_tokens(&heading) + told.images.len() * IMAGE_TOKENS;
            let Some(left) = room.checked_sub(least) else { break };
            told.text += &heading;
            if self.opened == OPENED {
                continue;
            }
            self.opened += 1;
            let until = *self.until.get_or_insert_with(|| Instant::now() + PATIENCE);
            if timeout_at(until, self.open(attachment, number, left, &mut told)).await.is_err() {
                tracing::warn!(file = %attachment.file, "files are slow: a reply is made without them");
                self.opened = OPENED;
            }
        }
        if !told.text.is_empty() {
            told.tokens = estimate_tokens(&told.text) + told.images.len() * IMAGE_TOKENS;
        }
        told
    }

    /// Adds what is in a file, in at most `room` tokens.
    async fn open(&mut self, attachment: &Attachment, number: u32, room: usize, told: &mut Told) {
        let found = self.shared.store.upload_get(attachment.file).await;
        let found = found.inspect_err(|error| tracing::warn!(%error, "a file is not told of")).ok().flatten();
        let Some(record) = found.filter(|record| record.status == FileStatus::Available) else {
            told.text += "\n[It was removed.]";
            return;
        };
        if let Some(image) = self.image(&record, room).await {
            told.images.push(image);
            return;
        }
        let room = room.min(self.share);
        let most = (room * 3).saturating_sub(ENVELOPE);
        if room < TEXT_MIN {
            return;
        }
        let Some(read) = self.shared.file_text(&record, most).await.filter(|it| !it.text.trim().is_empty())
        else {
            return;
        };
        told.text += "\n";
        told.text += read.text.trim_end();
        // Writing to a string cannot fail.
        let _ = if read.is_whole {
            write!(told.text, "\n[End of file {number}.]")
        } else {
            write!(told.text, "\n[File {number} goes on. Only its beginning is here.]")
        };
        self.share = self.share.saturating_sub(estimate_tokens(&read.text));
    }

    async fn image(&mut self, record: &FileRecord, room: usize) -> Option<ContextImage> {
        let size = usize::try_from(record.size).ok()?;
        let fits = self.images < IMAGES && self.image_bytes + size <= IMAGE_BYTES && IMAGE_TOKENS <= room;
        if !self.shows_images || !fits {
            return None;
        }
        let image = self.shared.file_image(record).await?;
        self.images += 1;
        self.image_bytes += size;
        Some(image)
    }
}

fn heading(attachment: &Attachment, number: u32) -> String {
    let Attachment { name, mime_type, size, .. } = attachment;
    format!("\n\n[File {number}: {name:?}, {mime_type}, {size} bytes]")
}
