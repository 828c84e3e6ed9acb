//! What files need: where they are, who scans them, who vouches for links to them.

use crate::failure::{Failure, chain};
use crate::settings::Settings;
use crate::wiring::People;
use parlor_domain::FilePorts;
use parlor_domain::ports::Scanner;
use parlor_files::{Clamd, FileBlobs, Inspection, OpenError};
use std::sync::Arc;

/// Opens the folders, which are made if need be, and the bucket.
pub(crate) fn files(settings: &Settings, people: &People) -> Result<FilePorts, Failure> {
    let files = &settings.files;
    let place = files.place(&|name| std::env::var_os(name));
    let blobs = FileBlobs::open(&place, &files.staging(&settings.server.data_dir));
    let blobs = blobs.map_err(|error| match &error {
        OpenError::Bucket { .. } => Failure::Configuration(format!("upload_dir: {}", chain(&error))),
        OpenError::Folder { .. } => Failure::Runtime(chain(&error)),
    })?;
    let scanner = files.scanner.clone().map(|address| Arc::new(Clamd::new(address)) as Arc<dyn Scanner>);
    Ok(FilePorts { blobs: Arc::new(blobs), scanner, inspector: Arc::new(Inspection), links: people.links() })
}
