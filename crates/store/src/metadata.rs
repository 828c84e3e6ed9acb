//! What everybody sees beside a message's text as one column: JSON, `{"citations":[…],"attachments":[…]}` with nothing that
//! is empty, or nothing at all.

use crate::error::{Error, Result};
use parlor_domain::message::{Attachment, Citation, Confidence, Metadata};
use parlor_domain::{DocumentId, FileId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
struct Column<'a> {
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    citations: Vec<CitationEntry<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentEntry<'a>>,
}

#[derive(Serialize, Deserialize)]
struct CitationEntry<'a> {
    number: u32,
    document: DocumentId,
    #[serde(borrow)]
    title: Cow<'a, str>,
    chunk: u32,
    #[serde(borrow)]
    excerpt: Cow<'a, str>,
    /// In millionths.
    score: u32,
}

#[derive(Serialize, Deserialize)]
struct AttachmentEntry<'a> {
    file: FileId,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    mime_type: Cow<'a, str>,
    size: u64,
}

pub(crate) fn to_column(metadata: &Metadata) -> Option<String> {
    let citations = metadata.citations.iter().map(|it| CitationEntry {
        number: it.number,
        document: it.document,
        title: (&it.title).into(),
        chunk: it.chunk,
        excerpt: (&it.excerpt).into(),
        score: it.score.millionths(),
    });
    let attachments = metadata.attachments.iter().map(|it| AttachmentEntry {
        file: it.file,
        name: (&it.name).into(),
        mime_type: (&it.mime_type).into(),
        size: it.size,
    });
    let column = Column { citations: citations.collect(), attachments: attachments.collect() };
    // Nothing in it can fail to be written.
    serde_json::to_string(&column).ok()
}

pub(crate) fn from_column(column: Option<&str>) -> Result<Option<Box<Metadata>>> {
    let Some(text) = column else { return Ok(None) };
    let column: Column<'_> = serde_json::from_str(text).map_err(|_| Error::Corrupt("messages"))?;
    let citations = column.citations.into_iter().map(|it| Citation {
        number: it.number,
        document: it.document,
        title: it.title.into_owned(),
        chunk: it.chunk,
        excerpt: it.excerpt.into_owned(),
        score: Confidence::from_millionths(it.score),
    });
    let attachments = column.attachments.into_iter().map(|it| Attachment {
        file: it.file,
        name: it.name.into_owned(),
        mime_type: it.mime_type.into_owned(),
        size: it.size,
    });
    Ok(Metadata { citations: citations.collect(), attachments: attachments.collect() }.boxed())
}
