//! Rooms: conversations with a name of the client's choice, rules of entry and roles.

use crate::message::Seq;
use crate::{RoomId, Timestamp, UserId};
use std::fmt;
use std::str::FromStr;

/// The text is none of the words that were expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text).ok_or(UnknownWord)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Who may enter a room.
    RoomKind {
        /// Who made it and one other person. The second sees the log from their joining on.
        Private "private",
        /// Every user.
        Shared "shared",
        /// Only whom its owner or a moderator has added.
        Group "group",
    }
}

words! {
    /// When the AI answers a `user` message.
    AiMode {
        /// Every one.
        Always "always",
        /// One that names a model or says `@ai`.
        Mention "mention",
        /// None.
        Off "off",
    }
}

words! {
    /// What a member may do. The order is that of their powers.
    MemberRole {
        /// Read and write; change what they wrote themselves.
        Member "member",
        /// Also change what others wrote, add members, and remove plain ones.
        Moderator "moderator",
        /// Also remove moderators, make them, and delete the room.
        Owner "owner",
    }
}

impl MemberRole {
    /// Whether what others wrote may be changed.
    pub const fn moderates(self) -> bool {
        matches!(self, Self::Moderator | Self::Owner)
    }
}

/// What makes a conversation a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Its id among all rooms.
    pub id: RoomId,
    /// Who may enter.
    pub kind: RoomKind,
    /// When the AI answers, where that was said; none is what the kind brings.
    pub ai_mode: Option<AiMode>,
}

impl Room {
    /// When the AI answers here.
    pub fn ai_mode(&self) -> AiMode {
        self.ai_mode.unwrap_or(match self.kind {
            RoomKind::Private => AiMode::Always,
            RoomKind::Shared | RoomKind::Group => AiMode::Mention,
        })
    }

    /// How many members it may have; none is no limit.
    pub fn most_members(&self) -> Option<usize> {
        (self.kind == RoomKind::Private).then_some(2)
    }
}

/// Somebody's part in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub user: UserId,
    /// What they may do; none: they were removed, and may not come back by themselves.
    pub role: Option<MemberRole>,
    /// Since when.
    pub joined_at: Timestamp,
    /// They see only entries with a higher seq.
    pub visible_after: Seq,
}
