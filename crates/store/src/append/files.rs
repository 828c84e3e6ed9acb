//! The files that messages carry, as every database notes them.

use crate::types::Id;
use parlor_domain::message::{Author, Message};

/// One file in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Carried {
    pub(super) file: Id,
    pub(super) conversation: Id,
    pub(super) message: Id,
    /// Who wrote the message: with it go the files of theirs that no other one carries.
    pub(super) author: Option<Id>,
}

/// The files that a message carries.
pub(super) fn carried(message: &Message) -> impl Iterator<Item = Carried> {
    let author = match message.author {
        Author::User(user) => Some(user.into()),
        Author::Assistant => None,
    };
    let files = message.metadata.iter().flat_map(|metadata| &metadata.attachments);
    files.map(move |attachment| Carried {
        file: attachment.file.into(),
        conversation: message.conversation.into(),
        message: message.id.into(),
        author,
    })
}
