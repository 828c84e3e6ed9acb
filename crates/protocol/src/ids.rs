//! Identifiers. Each is a `UUIDv7` (RFC 9562 §5.7): unique without coordination, and ordered by the time of making,
//! so that an index on them grows at its end. Clients treat them as opaque strings. Only a [`RoomId`] is chosen by a
//! client.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
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
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, format = "uuid"))]
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
    /// Work that is done in the background.
    JobId
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
    /// An assistant: a model with instructions, under a name.
    AssistantId
}
id! {
    /// One socket, from its authentication to its end.
    ConnectionId
}

id! {
    /// A document that replies may cite.
    DocumentId
}
id! {
    /// A file that somebody has uploaded.
    FileId
}

/// A room's name among all rooms of a server, chosen by who makes it: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
///
/// Cheap to clone.
///
/// ```
/// use parlor_protocol::RoomId;
///
/// assert!("team:general".parse::<RoomId>().is_ok());
/// assert!("no spaces".parse::<RoomId>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, example = "room-123", description = "1 to 128 of `A-Z a-z 0-9 . _ : -`, chosen by who makes the room."))]
pub struct RoomId(Arc<str>);

impl RoomId {
    /// The longest, in bytes.
    pub const MAX: usize = 128;

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.into())).ok_or(InvalidId)
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse()
            .map_err(|InvalidId| de::Error::custom("not a room's id: 1 to 128 of A-Z a-z 0-9 . _ : -"))
    }
}
