//! What a model is told of a file: its text, or the image that it is. Files do not change, so that what took long to read is
//! remembered for a while.

use super::kinds::{Content, Kind};
use super::reading::{IMAGES, collect};
use crate::FileId;
use crate::hub::Shared;
use crate::ports::{ContextImage, FileRecord, IMAGE_MAX};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

const PDF: &str = "application/pdf";
/// The largest PDF that is read, in bytes: it is taken into memory.
const PDF_MAX: u64 = 20 * 1024 * 1024;
/// How much text of a PDF is read, in bytes; of one that has more, nothing is.
const PDF_TEXT_MAX: usize = 2 * 1024 * 1024;
/// How much text is remembered, in bytes.
const REMEMBERED: usize = 16 * 1024 * 1024;

/// The beginning of a file's text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileText {
    pub(crate) text: String,
    /// Whether it is all of it.
    pub(crate) is_whole: bool,
}

/// The texts that were read last, the newest at the end.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<VecDeque<(FileId, Arc<str>)>>);

impl Texts {
    fn get(&self, file: FileId) -> Option<Arc<str>> {
        self.0.lock().iter().find(|(id, _)| *id == file).map(|(_, text)| Arc::clone(text))
    }

    fn keep(&self, file: FileId, text: &Arc<str>) {
        let mut texts = self.0.lock();
        texts.push_back((file, Arc::clone(text)));
        let mut bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
        while bytes > REMEMBERED {
            bytes -= texts.pop_front().map_or(bytes, |(_, text)| text.len());
        }
    }
}

impl Shared {
    /// The beginning of an available file's text, at most `most` bytes of it; none where it has none, or where it cannot be
    /// read: then that is in the log.
    pub(crate) async fn file_text(&self, record: &FileRecord, most: usize) -> Option<FileText> {
        if record.media_type == PDF {
            return Some(beginning(&self.pdf_text(record).await?, most));
        }
        if Kind::of(&record.name, "").ok()?.content != Content::Text {
            return None;
        }
        // A character more than is wanted, so that the last one is not cut.
        let end = record.size.min(most as u64 + 4);
        let bytes = self.file_bytes(record, end).await?;
        let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
        let told = beginning(&text, most);
        Some(FileText { is_whole: told.is_whole && end == record.size, ..told })
    }

    async fn pdf_text(&self, record: &FileRecord) -> Option<Arc<str>> {
        let texts = &self.uploads.as_ref()?.texts;
        if let Some(text) = texts.get(record.id) {
            return Some(text);
        }
        let extractor = self.extractor.as_ref().filter(|_| record.size <= PDF_MAX)?;
        let bytes = self.file_bytes(record, record.size).await?;
        let text: Arc<str> = match extractor.extract(bytes, PDF, PDF_TEXT_MAX).await {
            Ok(text) => text.into(),
            Err(error) => {
                tracing::info!(file = %record.id, %error, "a file's text could not be read");
                "".into() // nor could it the next time
            }
        };
        texts.keep(record.id, &text);
        Some(text)
    }

    /// An available file as an image for a model; none where it is none, or is too large for it.
    pub(crate) async fn file_image(&self, record: &FileRecord) -> Option<ContextImage> {
        if !IMAGES.contains(&record.media_type.as_str()) || record.size > IMAGE_MAX {
            return None;
        }
        let content = self.file_bytes(record, record.size).await?;
        Some(ContextImage { media_type: record.media_type.clone(), content })
    }

    async fn file_bytes(&self, record: &FileRecord, end: u64) -> Option<bytes::Bytes> {
        let failed = |error: &dyn std::fmt::Display| {
            tracing::warn!(file = %record.id, %error, "a file could not be read for a reply");
        };
        let content = self.uploads.as_ref()?.ports.blobs.read(record.id, 0..end).await;
        let content = content.inspect_err(|error| failed(error)).ok()?;
        collect(content, end).await.inspect_err(|refusal| failed(refusal)).ok()
    }
}

fn beginning(text: &str, most: usize) -> FileText {
    let end = text.floor_char_boundary(most.min(text.len()));
    FileText { text: text[..end].to_owned(), is_whole: end == text.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the memory of a server that reads many files.
    #[test]
    fn only_so_much_is_remembered() {
        let texts = Texts::default();
        let text: Arc<str> = "x".repeat(REMEMBERED / 4).into();
        let files: Vec<_> = (0..5).map(|_| FileId::new()).collect();
        files.iter().for_each(|file| texts.keep(*file, &text));
        assert!(texts.get(files[0]).is_none() && files[1..].iter().all(|file| texts.get(*file).is_some()));
    }

    #[test]
    fn a_beginning_ends_with_a_whole_character() {
        assert_eq!(beginning("aß", 2), FileText { text: "a".into(), is_whole: false });
        assert_eq!(beginning("aß", 3), FileText { text: "aß".into(), is_whole: true });
    }
}
