//! Files, on their way in and as they are told of.

use crate::dialect::{Incoming, Undecodable};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parlor_domain::ports::{Checksum, FileRecord};
use parlor_domain::{
    Action, Command, Correlation, ErrorCode, FileId, Refusal, UploadAction, UploadDraft, UploadReply,
};
use parlor_protocol::rooms as wire;
use parlor_protocol::rooms::{BinaryChunk, UploadBody};

/// What a `file_upload` asks.
pub(super) fn action(upload: wire::Upload) -> Result<UploadAction, Refusal> {
    Ok(match upload {
        wire::Upload::Init(init) => UploadAction::Init(UploadDraft {
            place: super::commands::named(init.room_id, init.conversation_id),
            name: init.file_name,
            size: init.file_size,
            media_type: init.mime_type,
        }),
        wire::Upload::Chunk(chunk) => UploadAction::Chunk {
            file: chunk.file_id,
            index: chunk.chunk_index,
            total: chunk.total_chunks,
            data: decoded(&chunk.chunk_data)?,
        },
        wire::Upload::Status(upload) => UploadAction::Status(upload.file_id),
        wire::Upload::Finalize(end) => UploadAction::Finalize { file: end.file_id, checksum: end.checksum },
    })
}

fn decoded(base64: &str) -> Result<Bytes, Refusal> {
    let bytes = STANDARD.decode(base64);
    let words = "`chunk_data` is not base64 with its padding";
    bytes.map(Bytes::from).map_err(|_| Refusal::new(ErrorCode::InvalidRequest, words))
}

/// A binary frame is a chunk.
pub(super) fn binary(mut frame: Bytes) -> Result<Incoming, Undecodable> {
    let Some(BinaryChunk { file_id, chunk_index, .. }) = BinaryChunk::parse(&frame) else {
        let words = "a binary frame is a chunk: 16 bytes of the file's id, 4 of the index, then its bytes";
        let refusal = Refusal::new(ErrorCode::InvalidRequest, words);
        return Err(Undecodable { refusal, correlation: Correlation::default() });
    };
    // The chunk keeps the frame's memory: nothing is copied.
    let data = frame.split_off(BinaryChunk::HEADER);
    let chunk = UploadAction::Chunk { file: file_id, index: chunk_index, total: None, data };
    Ok(Incoming::Command(Command { action: Action::Upload(chunk), correlation: Correlation::default() }))
}

/// How an upload stands.
pub(super) fn told(reply: &UploadReply) -> UploadBody<'_> {
    match reply {
        UploadReply::Ready { file, chunk_size, total } => UploadBody::Init {
            file_id: *file,
            chunk_size: *chunk_size,
            total_chunks: *total,
            status: "ready".into(),
        },
        UploadReply::Chunk { file, index, received, total } => UploadBody::Chunk {
            file_id: *file,
            chunk_index: *index,
            received: *received,
            total_chunks: *total,
        },
        UploadReply::Status { file, missing, total } => UploadBody::Status {
            file_id: file.id,
            status: file.status.as_str().into(),
            missing: missing.clone(),
            total_chunks: *total,
            chunk_size: file.chunk_size,
        },
        UploadReply::Finished(file) => UploadBody::Finalize {
            file_id: file.id,
            status: file.status.as_str().into(),
            url: url(file.id),
            size: file.size,
            checksum: file.checksum.as_ref().map(Checksum::to_string),
        },
    }
}

/// A file that can be read.
pub(super) fn available(file: &FileRecord) -> UploadBody<'_> {
    UploadBody::Available {
        file: wire::File {
            file_id: file.id,
            file_name: (&file.name).into(),
            file_size: file.size,
            mime_type: (&file.media_type).into(),
            checksum: file.checksum.as_ref().map(Checksum::to_string),
            url: url(file.id),
            user_id: file.owner,
            created_at: file.created_at,
        },
    }
}

fn url(file: FileId) -> String {
    format!("/api/v1/files/{file}")
}
