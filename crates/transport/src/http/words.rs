//! The closed sets of words in bodies, each beside what the domain means by it.

use parlor_domain::room;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident of $domain:path { $($variant:ident),* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum $name { $($variant),* }

        impl From<$domain> for $name {
            fn from(word: $domain) -> Self {
                match word { $(<$domain>::$variant => Self::$variant),* }
            }
        }

        impl From<$name> for $domain {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => Self::$variant),* }
            }
        }
    )*};
}

words! {
    /// Who may enter a room: its maker and one other person, every user, or whom its owner or a moderator has added.
    RoomType of room::RoomKind { Private, Shared, Group }
    /// When the AI answers a message of a room: always, where it names a model or says `@ai`, or never.
    AiMode of room::AiMode { Always, Mention, Off }
    /// What a member of a room may do.
    MemberRole of room::MemberRole { Member, Moderator, Owner }
    /// Which rooms a list has: those that the caller is a member of, or the shared ones, which all may enter.
    Scope of parlor_domain::ports::RoomScope { Own, Shared }
}
