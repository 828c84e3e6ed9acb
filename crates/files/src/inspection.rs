//! What bytes are, by themselves.

use async_trait::async_trait;
use bytes::Bytes;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use parlor_domain::ports::Inspector;
use std::io::Cursor;

/// The largest image that is decoded: so many pixels on a side, and in all. A phone's photograph has up to 50 million.
const SIDE_MAX: u32 = 16_000;
const PIXELS_MAX: u64 = 50_000_000;
/// How much memory that may take, in bytes.
const MEMORY_MAX: u64 = 256 * 1024 * 1024;
/// How large a preview is at most on a side, in pixels.
const PREVIEW: u32 = 320;

/// How the files of Microsoft's programs before 2007 begin.
const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Tells formats by their first bytes, and makes previews of PNG, JPEG, GIF and WebP images.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inspection;

#[async_trait]
impl Inspector for Inspection {
    fn sniff(&self, head: &[u8]) -> Option<&'static str> {
        match infer::get(head) {
            Some(found) => Some(found.mime_type()),
            None => head.starts_with(OLE).then_some("application/x-ole-storage"),
        }
    }

    async fn preview(&self, image: Bytes) -> Option<Bytes> {
        // Decoding may take a second: it holds up nobody.
        tokio::task::spawn_blocking(move || smaller(&image)).await.ok().flatten()
    }
}

fn smaller(image: &[u8]) -> Option<Bytes> {
    let reader = || ImageReader::new(Cursor::new(image)).with_guessed_format().ok();
    // The head alone says how large it is.
    let (width, height) = reader()?.into_dimensions().ok()?;
    if width.max(height) > SIDE_MAX || u64::from(width) * u64::from(height) > PIXELS_MAX {
        return None;
    }
    let mut decoder = reader()?;
    decoder.limits(limits());
    let preview: DynamicImage = decoder.decode().ok()?.thumbnail(PREVIEW, PREVIEW);
    let mut png = Cursor::new(Vec::new());
    preview.into_rgba8().write_to(&mut png, ImageFormat::Png).ok()?;
    Some(png.into_inner().into())
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(MEMORY_MAX);
    limits
}
