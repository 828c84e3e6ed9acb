//! Where finished files are: a folder, or an S3 bucket.

use crate::staging::make_folder;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use parlor_domain::FileId;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a request to S3 may take. A part has at most some megabytes.
const REQUEST: Duration = Duration::from_secs(60);
/// How often and for how long a request is tried again.
const RETRIES: usize = 3;
const RETRYING: Duration = Duration::from_secs(30);

/// Where finished files shall be.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder, made if need be.
    Folder(PathBuf),
    /// An S3 bucket.
    S3 {
        /// `s3://BUCKET` or `s3://BUCKET/FOLDER`.
        url: String,
        /// Settings of its client by the names of the AWS tools' variables, such as `AWS_ACCESS_KEY_ID`. Others are
        /// ignored.
        variables: Vec<(String, String)>,
    },
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => f.debug_tuple("Folder").field(folder).finish(),
            Self::S3 { url, .. } => f.debug_tuple("S3").field(url).finish(),
        }
    }
}

/// Why files cannot be kept there.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A folder cannot be made or used.
    #[error("the folder {} cannot be used", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What was said of the bucket makes no sense.
    #[error("the bucket {url} cannot be used")]
    Bucket {
        /// Its URL.
        url: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
}

/// The finished files.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// The folder, if it is one: then a staged file can be moved there.
    folder: Option<PathBuf>,
}

impl Store {
    pub(crate) fn open(place: &Place) -> Result<Self, OpenError> {
        match place {
            Place::Folder(folder) => open_folder(folder),
            Place::S3 { url, variables } => {
                let bucket = |source| OpenError::Bucket { url: url.clone(), source };
                Ok(Self { objects: open_bucket(url, variables).map_err(bucket)?, folder: None })
            }
        }
    }

    /// The file's path, where the store is a folder.
    pub(crate) fn path(&self, file: FileId) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.join(shelf(file)).join(file.to_string()))
    }
}

fn open_folder(folder: &Path) -> Result<Store, OpenError> {
    let cannot = |source| OpenError::Folder { folder: folder.to_owned(), source };
    make_folder(folder).map_err(cannot)?;
    let root = folder.canonicalize().map_err(cannot)?;
    let objects =
        LocalFileSystem::new_with_prefix(&root).map_err(|error| cannot(std::io::Error::other(error)))?;
    Ok(Store { objects: Arc::new(objects), folder: Some(root) })
}

fn open_bucket(url: &str, variables: &[(String, String)]) -> object_store::Result<Arc<dyn ObjectStore>> {
    let rest = url.strip_prefix("s3://").unwrap_or(url);
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRYING, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_client_options(ClientOptions::new().with_timeout(REQUEST))
        .with_retry(retry);
    for (name, value) in variables {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder.with_bucket_name(bucket).build()?;
    let prefix = prefix.trim_matches('/');
    Ok(if prefix.is_empty() {
        Arc::new(store)
    } else {
        Arc::new(PrefixStore::new(store, Key::parse(prefix)?))
    })
}

/// The folder of a file: the end of its id, which is random.
fn shelf(file: FileId) -> String {
    let id = file.to_string();
    id[id.len() - 2..].to_owned()
}

/// Where a file is.
pub(crate) fn key(file: FileId) -> Key {
    Key::from_iter([shelf(file), file.to_string()])
}

/// Where its preview is.
pub(crate) fn preview_key(file: FileId) -> Key {
    Key::from_iter([shelf(file), format!("{file}.preview.png")])
}
