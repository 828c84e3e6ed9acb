//! What is kept beside a message's text for everybody to see who sees the message.

use super::Confidence;
use crate::{DocumentId, FileId};

/// What a message has beside its text. Unlike what is [attached](super::Attached), it is small, and every read brings it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Of a reply: the passages that it was made with, by their numbers.
    pub citations: Vec<Citation>,
    /// The files that the message carries.
    pub attachments: Vec<Attachment>,
}

/// A passage of a document that a reply was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// By which the reply names it: `[1]`.
    pub number: u32,
    /// The document.
    pub document: DocumentId,
    /// The document's title.
    pub title: String,
    /// Which of its passages, from 0.
    pub chunk: u32,
    /// How the passage begins.
    pub excerpt: String,
    /// How near it is to the question: the cosine between them.
    pub score: Confidence,
}

/// A file that a message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file.
    pub file: FileId,
    /// What it is called.
    pub name: String,
    /// What it is, say `image/png`.
    pub mime_type: String,
    /// How long it is, in bytes.
    pub size: u64,
}

impl Metadata {
    /// This, boxed; none where there is nothing in it.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let citations = self.citations.iter().map(|it| it.title.len() + it.excerpt.len() + 160);
        let attachments = self.attachments.iter().map(|it| it.name.len() + it.mime_type.len() + 120);
        citations.chain(attachments).sum()
    }
}
