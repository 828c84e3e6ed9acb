//! What a message has beside its text, as every dialect writes it.

use parlor_domain::FileId;
use parlor_domain::message::Message;
use parlor_protocol::metadata::{Attachment, Citation, FileRef, Score};

/// The files that a message is to carry.
pub(crate) fn files_of(named: Option<Vec<FileRef>>) -> Vec<FileId> {
    named.into_iter().flatten().map(FileRef::id).collect()
}

/// What a reply cites; none where it was deleted, or cites nothing.
pub(crate) fn citations(message: &Message) -> Vec<Citation<'_>> {
    let citations = message.metadata.iter().flat_map(|it| &it.citations);
    let wire = citations.map(|it| Citation {
        number: it.number,
        document_id: it.document,
        title: (&it.title).into(),
        chunk: it.chunk,
        excerpt: (&it.excerpt).into(),
        score: Score::from_millionths(it.score.millionths()),
    });
    wire.collect()
}

/// The files that it carries.
pub(crate) fn attachments(message: &Message) -> Vec<Attachment<'_>> {
    let attachments = message.metadata.iter().flat_map(|it| &it.attachments);
    let wire = attachments.map(|it| Attachment {
        file_id: it.file,
        name: (&it.name).into(),
        mime_type: (&it.mime_type).into(),
        size: it.size,
    });
    wire.collect()
}

/// The same, for what outlives the message.
pub(crate) fn owned_citations(message: &Message) -> Vec<Citation<'static>> {
    let owned = citations(message).into_iter().map(|it| Citation {
        title: it.title.into_owned().into(),
        excerpt: it.excerpt.into_owned().into(),
        ..it
    });
    owned.collect()
}

/// The same, for what outlives the message.
pub(crate) fn owned_attachments(message: &Message) -> Vec<Attachment<'static>> {
    let owned = attachments(message).into_iter().map(|it| Attachment {
        name: it.name.into_owned().into(),
        mime_type: it.mime_type.into_owned().into(),
        ..it
    });
    owned.collect()
}
