//! Files over the `rooms` dialect: `file_upload`, whose `upload_type` says what it is about. A chunk may also come as a
//! binary frame, without base64: [`BinaryChunk`].

use crate::{ConversationId, FileId, RoomId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Data of `file_upload` from a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Upload))]
#[serde(tag = "upload_type", rename_all = "snake_case")]
pub enum Upload {
    /// Begin an upload.
    Init(UploadInit),
    /// One chunk, in any order.
    Chunk(UploadChunk),
    /// Ask how far it has come.
    Status(UploadRef),
    /// All chunks were sent.
    Finalize(UploadFinalize),
}

/// A file that is to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::UploadInit))]
pub struct UploadInit {
    /// What it is called: 1 to 255 bytes behind the last slash.
    pub file_name: String,
    /// How many bytes it has.
    pub file_size: u64,
    /// What it is; left out, its name tells it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mime_type: String,
    /// The room whose members can read it; it may also stand beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation whose participants can read it, where it is no room's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
}

/// One chunk of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::UploadChunk))]
pub struct UploadChunk {
    /// The upload.
    pub file_id: FileId,
    /// Which chunk, from 0.
    pub chunk_index: u32,
    /// How many there are; left out, as many as chunks of `chunk_size` make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_chunks: Option<u32>,
    /// Its bytes in base64 (RFC 4648 §4).
    pub chunk_data: String,
}

/// Names an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::UploadRef))]
pub struct UploadRef {
    /// The upload.
    pub file_id: FileId,
}

/// The end of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::UploadFinalize))]
pub struct UploadFinalize {
    /// The upload.
    pub file_id: FileId,
    /// The SHA-256 of the whole file in 64 hexadecimal digits.
    pub checksum: String,
}

/// Data of `file_upload` from the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::FileUpload))]
pub struct FileUpload<'a> {
    /// What it is about.
    #[serde(flatten)]
    pub body: UploadBody<'a>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// What the server says of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::UploadBody))]
#[serde(tag = "upload_type", rename_all = "snake_case")]
pub enum UploadBody<'a> {
    /// Chunks may come.
    Init {
        /// The upload.
        file_id: FileId,
        /// The largest chunk, in bytes; binary chunks are of this size, but for the last.
        chunk_size: u32,
        /// How many chunks of that size there are.
        total_chunks: u32,
        /// `ready`.
        status: Cow<'a, str>,
    },
    /// A chunk is there.
    Chunk {
        /// The upload.
        file_id: FileId,
        /// Which.
        chunk_index: u32,
        /// How many are there.
        received: u32,
        /// How many there are in all.
        total_chunks: u32,
    },
    /// How far an upload has come.
    Status {
        /// The upload.
        file_id: FileId,
        /// `uploading`, `pending` (it waits for the virus scanner), `clean` or `available`.
        status: Cow<'a, str>,
        /// The chunks that have not come.
        missing: Vec<u32>,
        /// How many there are in all.
        total_chunks: u32,
        /// The largest chunk, in bytes.
        chunk_size: u32,
    },
    /// The file can be read.
    Finalize {
        /// The file.
        file_id: FileId,
        /// `available`.
        status: Cow<'a, str>,
        /// Where it is, on this server; a `GET` there wants the token of who may read it.
        url: String,
        /// How many bytes it has.
        size: u64,
        /// Its SHA-256.
        checksum: Option<String>,
    },
    /// A file can be read, by those who get this.
    Available {
        /// The file.
        file: File<'a>,
    },
}

/// A file as it stands in frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::File))]
pub struct File<'a> {
    /// The file.
    pub file_id: FileId,
    /// What it is called.
    pub file_name: Cow<'a, str>,
    /// How many bytes it has.
    pub file_size: u64,
    /// What it is served as.
    pub mime_type: Cow<'a, str>,
    /// Its SHA-256.
    pub checksum: Option<String>,
    /// Where it is, on this server.
    pub url: String,
    /// Who uploaded it.
    pub user_id: UserId,
    /// When its upload began.
    pub created_at: Timestamp,
}

/// A chunk as a binary frame: 16 bytes of the file's id, 4 bytes of the chunk's index, the more significant first, then
/// its bytes. Chunks are of the size that `init` told, but for the last.
///
/// ```
/// use parlor_protocol::{FileId, rooms::BinaryChunk};
///
/// let file = FileId::new();
/// let frame = BinaryChunk { file_id: file, chunk_index: 3, data: b"bytes" }.encode();
/// assert_eq!(BinaryChunk::parse(&frame).unwrap().chunk_index, 3);
/// assert_eq!(frame.len(), BinaryChunk::HEADER + 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinaryChunk<'a> {
    /// The upload.
    pub file_id: FileId,
    /// Which chunk, from 0.
    pub chunk_index: u32,
    /// Its bytes.
    pub data: &'a [u8],
}

impl<'a> BinaryChunk<'a> {
    /// How many bytes stand before those of the chunk.
    pub const HEADER: usize = 20;

    /// Reads a frame; none where it is shorter than a header.
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let (header, data) = frame.split_first_chunk::<{ BinaryChunk::HEADER }>()?;
        let (id, index) = header.split_first_chunk::<16>()?;
        let file_id = uuid::Uuid::from_bytes(*id).into();
        Some(Self { file_id, chunk_index: u32::from_be_bytes(*index.first_chunk()?), data })
    }

    /// Writes a frame.
    pub fn encode(&self) -> Vec<u8> {
        [&self.file_id.as_uuid().as_bytes()[..], &self.chunk_index.to_be_bytes(), self.data].concat()
    }
}
