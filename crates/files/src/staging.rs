//! Uploads on their way: a folder of this machine, with two files an upload.
//!
//! `ID.part` has the bytes. A chunk that is as large as its place stands in its place, and any other behind them all, so
//! that most uploads, when they are whole, are the file that they will be. `ID.map` says where each chunk is: it is
//! written behind the bytes, so that what it tells is there, whenever the process dies.
//!
//! Each chunk is flushed to the disk, and only a few are at once: where many files come, what the disk has not taken yet
//! would be hundreds of megabytes, and the next commit of a database beside them would wait for all of it.

use crate::pieces::{blocking, pieces};
use bytes::Bytes;
use parlor_domain::FileId;
use parlor_domain::ports::{ByteStream, Layout, Staged};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;

const PART: &str = "part";
const MAP: &str = "map";
/// The map begins with the layout: the size, the size of a chunk, the number of chunks.
const HEADER: usize = 16;
/// Then a chunk each: where it is, and how many bytes it has.
const ENTRY: usize = 12;

/// How many chunks are written at once.
const WRITES: usize = 4;

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    folder: PathBuf,
    writes: Arc<Semaphore>,
}

/// Where the chunks of an upload are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Map {
    layout: Layout,
    /// None where it has not come.
    chunks: Vec<Option<Range<u64>>>,
}

impl Staging {
    /// A folder that is made if need be, for its owner alone.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        make_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), writes: Arc::new(Semaphore::new(WRITES)) })
    }

    fn path(&self, file: FileId, what: &str) -> PathBuf {
        self.folder.join(format!("{file}.{what}"))
    }

    pub(crate) async fn staged(&self, file: FileId) -> io::Result<Option<Staged>> {
        let staging = self.clone();
        blocking(move || {
            let Some(map) = staging.map(file)? else { return Ok(None) };
            let length = |chunk: &Option<Range<u64>>| chunk.as_ref().map_or(0, |it| it.end - it.start);
            let lengths = map.chunks.iter().map(|chunk| u32::try_from(length(chunk)).unwrap_or(u32::MAX));
            Ok(Some(Staged { layout: map.layout, lengths: lengths.collect() }))
        })
        .await
    }

    pub(crate) async fn stage(
        &self,
        file: FileId,
        layout: Layout,
        index: u32,
        chunk: Bytes,
    ) -> io::Result<()> {
        let staging = self.clone();
        // Held until it is done, also where nobody waits for that any more. It is never closed.
        let turn = Arc::clone(&self.writes).acquire_owned().await.map_err(io::Error::other)?;
        blocking(move || {
            let _turn = turn;
            let known = staging.map(file)?;
            let place = place(known.as_ref(), layout, index, chunk.len());
            let mut part = writable(&staging.path(file, PART))?;
            part.seek(SeekFrom::Start(place))?;
            part.write_all(&chunk)?;
            part.sync_data()?;
            let mut map = writable(&staging.path(file, MAP))?;
            if known.is_none_or(|known| known.layout != layout) {
                map.write_all(&header(layout))?;
            }
            map.seek(SeekFrom::Start((HEADER + index as usize * ENTRY) as u64))?;
            let mut entry = [0; ENTRY];
            entry[..8].copy_from_slice(&place.to_be_bytes());
            entry[8..].copy_from_slice(&u32::try_from(chunk.len()).unwrap_or(u32::MAX).to_be_bytes());
            map.write_all(&entry)
        })
        .await
    }

    /// The bytes of an upload in the order of its chunks.
    pub(crate) async fn read(&self, file: FileId) -> io::Result<ByteStream> {
        let staging = self.clone();
        let (part, map) = blocking(move || {
            let map = staging.map(file)?.ok_or(io::ErrorKind::NotFound)?;
            Ok((File::open(staging.path(file, PART))?, map))
        })
        .await?;
        Ok(pieces(part, map.joined()))
    }

    /// Where the upload is a file that has exactly its bytes: cut to them, and on disk. None where its chunks stand in
    /// another order.
    pub(crate) fn whole(&self, file: FileId) -> io::Result<Option<PathBuf>> {
        let map = self.map(file)?.ok_or(io::ErrorKind::NotFound)?;
        let whole = 0..map.layout.size;
        if map.joined() != [whole] {
            return Ok(None);
        }
        let path = self.path(file, PART);
        let part = OpenOptions::new().write(true).open(&path)?;
        part.set_len(map.layout.size)?;
        part.sync_all()?;
        Ok(Some(path))
    }

    pub(crate) async fn remove(&self, file: FileId) -> io::Result<()> {
        let staging = self.clone();
        blocking(move || {
            for what in [PART, MAP] {
                match fs::remove_file(staging.path(file, what)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    /// The uploads of which anything is there.
    pub(crate) async fn list(&self) -> io::Result<Vec<FileId>> {
        let staging = self.clone();
        blocking(move || {
            let mut files = Vec::new();
            for entry in fs::read_dir(&staging.folder)? {
                let path = entry?.path();
                let ours = path.extension().is_some_and(|it| it == PART || it == MAP);
                let id: Option<FileId> =
                    path.file_stem().and_then(|it| it.to_str()).and_then(|it| it.parse().ok());
                files.extend(id.filter(|_| ours));
            }
            files.sort_unstable();
            files.dedup();
            Ok(files)
        })
        .await
    }

    /// The map of an upload; none where nothing is staged, or its bytes have gone on already.
    fn map(&self, file: FileId) -> io::Result<Option<Map>> {
        let mut bytes = Vec::new();
        match File::open(self.path(file, MAP)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?.read_to_end(&mut bytes)?,
        };
        if !self.path(file, PART).try_exists()? {
            return Ok(None);
        }
        Ok(Map::parse(&bytes))
    }
}

impl Map {
    /// None where not even the layout was written.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, entries) = bytes.split_first_chunk::<HEADER>()?;
        let size = u64::from_be_bytes(*header.first_chunk()?);
        let chunk_size = u32::from_be_bytes(*header[8..].first_chunk()?);
        let total = u32::from_be_bytes(*header[12..].first_chunk()?);
        let mut chunks: Vec<_> = entries.chunks_exact(ENTRY).map(entry).take(total as usize).collect();
        chunks.resize(total as usize, None);
        Some(Self { layout: Layout { size, chunk_size, total }, chunks })
    }

    /// Where the bytes are in their order, ranges that follow each other as one.
    fn joined(&self) -> Vec<Range<u64>> {
        let mut joined: Vec<Range<u64>> = Vec::new();
        for chunk in self.chunks.iter().flatten() {
            match joined.last_mut() {
                Some(last) if last.end == chunk.start => last.end = chunk.end,
                _ => joined.push(chunk.clone()),
            }
        }
        joined
    }
}

fn entry(bytes: &[u8]) -> Option<Range<u64>> {
    let start = u64::from_be_bytes(*bytes.first_chunk()?);
    let length = u32::from_be_bytes(*bytes.last_chunk()?);
    (length > 0).then(|| start..start.saturating_add(length.into()))
}

/// Where a chunk goes: where it was, in its place, or behind everything.
fn place(known: Option<&Map>, layout: Layout, index: u32, length: usize) -> u64 {
    let chunks = known.map_or(&[][..], |map| &map.chunks);
    let before = chunks.get(index as usize).cloned().flatten();
    let same = before.filter(|range| range.end - range.start == length as u64).map(|range| range.start);
    let behind = || chunks.iter().flatten().map(|range| range.end).fold(layout.size, u64::max);
    same.or_else(|| layout.place(index, length)).unwrap_or_else(behind)
}

fn header(layout: Layout) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(&layout.size.to_be_bytes());
    bytes[8..12].copy_from_slice(&layout.chunk_size.to_be_bytes());
    bytes[12..].copy_from_slice(&layout.total.to_be_bytes());
    bytes
}

/// A file that is made if need be, for its owner alone.
fn writable(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a folder for its owner alone, if need be.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
