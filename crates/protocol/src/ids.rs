//! Identifiers. Each is a `UUIDv7` (RFC 9562 §5.7): unique without coordination, and ordered by the time of making,
//! so that an index on them grows at its end. Clients treat them as opaque strings.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The text was not an identifier of the right form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid id")
    }
}

impl std::error::Error for InvalidId {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, made from the current time and randomness.
            #[allow(clippy::new_without_default, reason = "two calls differ, so there is no default")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id as the 16 bytes that a database keeps.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id! {
    /// A person with an account.
    UserId
}
id! {
    /// An ordered log of messages with its participants.
    ConversationId
}
id! {
    /// A message; a turn bears the id of the assistant message that it will become.
    MessageId
}
id! {
    /// One socket, from its authentication to its end.
    ConnectionId
}
