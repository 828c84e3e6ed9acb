//! What is served, as the build script made it.

/// A file.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its place below `/assets/VERSION/`.
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    /// Of its content, in quotes.
    pub(crate) etag: &'static str,
    pub(crate) plain: &'static [u8],
    pub(crate) gzip: &'static [u8],
    pub(crate) brotli: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/table.rs"));
