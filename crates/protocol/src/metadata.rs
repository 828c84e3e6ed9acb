//! What a message has beside its text, for everybody to see: the passages that a reply was made with, and files. The same
//! in every dialect.

use crate::{DocumentId, FileId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// A passage of a document that a reply was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Citation<'a> {
    /// By which the reply names it: `[1]`.
    pub number: u32,
    /// The document.
    pub document_id: DocumentId,
    /// The document's title.
    pub title: Cow<'a, str>,
    /// Which of its passages, from 0.
    pub chunk: u32,
    /// How the passage begins.
    pub excerpt: Cow<'a, str>,
    /// How near it is to the question, 0 to 1.
    pub score: Score,
}

/// A file that a message carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Attachment<'a> {
    /// The file.
    pub file_id: FileId,
    /// What it is called.
    pub name: Cow<'a, str>,
    /// What it is, say `image/png`.
    pub mime_type: Cow<'a, str>,
    /// How long it is, in bytes.
    pub size: u64,
}

/// A file that a message is to carry, by its id: `"…"`, or `{"file_id": "…"}` as in what the server writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum FileRef {
    /// By its id alone.
    Id(FileId),
    /// In an object.
    Object {
        /// The file.
        file_id: FileId,
    },
}

impl FileRef {
    /// The file.
    pub const fn id(self) -> FileId {
        match self {
            Self::Id(id) | Self::Object { file_id: id } => id,
        }
    }
}

impl<'de> Deserialize<'de> for FileRef {
    /// By hand, for an error that says what is wrong.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> de::Visitor<'de> for Reads {
            type Value = FileRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a file, or an object with a `file_id`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<FileRef, E> {
                text.parse().map(FileRef::Id).map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<FileRef, A::Error> {
                #[derive(Deserialize)]
                struct Object {
                    file_id: FileId,
                }
                let Object { file_id } = Object::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(FileRef::Object { file_id })
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// From 0 to 1 in steps of a millionth, so that it is read as it was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = f64, minimum = 0.0, maximum = 1.0))]
pub struct Score(u32);

impl Score {
    const ONE: u32 = 1_000_000;

    /// From so many millionths; more than a million is 1.
    pub const fn from_millionths(millionths: u32) -> Self {
        Self(if millionths > Self::ONE { Self::ONE } else { millionths })
    }

    /// In millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

impl Serialize for Score {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / f64::from(Self::ONE))
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let score = f64::deserialize(deserializer)?;
        if !(0.0..=1.0).contains(&score) {
            return Err(de::Error::custom("a score is from 0 to 1"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        Ok(Self((score * f64::from(Self::ONE)).round() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects comparisons: a score is read as it was written.
    #[test]
    fn scores_come_back_as_they_were() {
        for millionths in [0, 1, 123_456, 700_001, 999_999, 1_000_000] {
            let score = Score::from_millionths(millionths);
            let text = serde_json::to_string(&score).unwrap();
            assert_eq!(serde_json::from_str::<Score>(&text).unwrap(), score, "{text}");
        }
        assert!(serde_json::from_str::<Score>("1.1").is_err());
    }

    /// Protects clients that send back what they were shown: a file is named by its id, alone or in an object.
    #[test]
    fn files_are_named_in_two_ways() {
        let id = FileId::new();
        for text in [format!(r#""{id}""#), format!(r#"{{"file_id":"{id}","name":"a","size":1}}"#)] {
            assert_eq!(serde_json::from_str::<FileRef>(&text).unwrap().id(), id, "{text}");
        }
        for text in ["1", r#""x""#, "{}", "null", "[]"] {
            assert!(serde_json::from_str::<FileRef>(text).is_err(), "{text}");
        }
    }
}
