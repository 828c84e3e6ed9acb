//! A file of this machine as a stream of pieces.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use parlor_domain::ports::{BlobError, ByteStream};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// How much is read at once, in bytes: what a stream holds in memory.
const PIECE: u64 = 256 * 1024;

/// The bytes of these ranges, one after the other. A file that is shorter is an error.
pub(crate) fn pieces(file: File, ranges: impl IntoIterator<Item = Range<u64>>) -> ByteStream {
    let ranges: VecDeque<_> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
    let read = |(file, mut ranges): (File, VecDeque<Range<u64>>)| async move {
        let range = ranges.front_mut()?;
        let piece = range.start..range.end.min(range.start + PIECE);
        range.start = piece.end;
        if range.is_empty() {
            ranges.pop_front();
        }
        Some(match blocking(move || read_one(file, piece)).await {
            Ok((file, bytes)) => (Ok(bytes), Some((file, ranges))),
            Err(error) => (Err(BlobError::new("read a file", error)), None),
        })
    };
    stream::unfold(Some((file, ranges)), move |state| async move { read(state?).await }).boxed()
}

fn read_one(mut file: File, piece: Range<u64>) -> io::Result<(File, Bytes)> {
    let mut bytes = vec![0; usize::try_from(piece.end - piece.start).unwrap_or_default()];
    file.seek(SeekFrom::Start(piece.start))?;
    file.read_exact(&mut bytes)?;
    Ok((file, bytes.into()))
}

/// Does something that waits for the disk where that holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    action: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(action).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
