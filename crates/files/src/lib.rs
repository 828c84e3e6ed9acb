//! Files: where their bytes are, what they are, and whether they have a virus.
//!
//! Where it stands in a message's way: beside it. The domain takes uploads, says which files are welcome and who may read
//! them; behind its ports this crate keeps the bytes and looks into them.
//!
//! - [`FileBlobs`] keeps bytes: what comes is staged in a folder of this machine, what is finished is in another folder
//!   or in an S3 bucket.
//! - [`Clamd`] asks clamd, the daemon of `ClamAV`.
//! - [`Inspection`] tells formats by their first bytes, and makes previews of images.
//!
//! To keep files elsewhere, open another of the stores that `object_store` knows in `store.rs`.
//!
//! ```
//! use bytes::Bytes;
//! use futures_util::TryStreamExt;
//! use parlor_domain::FileId;
//! use parlor_domain::ports::{Blobs, Layout};
//! use parlor_files::{FileBlobs, Place};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let place = Place::Folder(folder.path().join("files"));
//! let blobs = FileBlobs::open(&place, &folder.path().join("staging"))?;
//!
//! let (file, layout) = (FileId::new(), Layout::plain(5, 3));
//! blobs.stage(file, layout, 1, Bytes::from_static(b"lo")).await?;
//! blobs.stage(file, layout, 0, Bytes::from_static(b"Hel")).await?;
//! blobs.publish(file).await?;
//! let pieces: Vec<Bytes> = blobs.read(file, 1..5).await?.try_collect().await?;
//! assert_eq!(pieces.concat(), b"ello");
//! # Ok(()) }
//! ```

mod blobs;
mod clamd;
mod inspection;
mod pieces;
mod staging;
mod store;

pub use blobs::FileBlobs;
pub use clamd::{Address, Clamd, InvalidAddress};
pub use inspection::Inspection;
pub use store::{OpenError, Place};
