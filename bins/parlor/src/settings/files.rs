//! Where files are, how large they may be, and who scans them.

use super::read::FromText;
use super::{Key, Problem, Values};
use parlor_domain::ports::UploadQuota;
use parlor_files::{Address, Place};
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// What the AWS tools read, too: only these go to the client of S3.
const AWS_VARIABLES: [&str; 13] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ALLOW_HTTP",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
];

/// A chunk goes into one frame, in base64.
const CHUNK_MAX: u32 = 1024 * 1024;

/// The settings of files.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) place: UploadPlace,
    /// None: beside the folder of finished files.
    pub(crate) staging: Option<PathBuf>,
    pub(crate) max_file: u64,
    pub(crate) max_chunk: u32,
    pub(crate) quota: UploadQuota,
    pub(crate) expiry: Duration,
    pub(crate) link: Duration,
    /// Kibibytes of one user in a minute.
    pub(crate) rate: Option<NonZeroU32>,
    /// None: nobody scans.
    pub(crate) scanner: Option<Address>,
}

impl Files {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        let scans: bool = values.get(Key::VirusScanEnabled)?;
        let address: ClamdAddress = values.get(Key::ClamdAddress)?;
        let rate: Option<u64> = values.limit(Key::UploadRateBytes)?;
        let rate = rate.map(|bytes| u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX));
        Ok(Self {
            place: values.get(Key::UploadDir)?,
            staging: values.find(Key::TempDir)?,
            max_file: values.above_zero(Key::MaxFileSize)?,
            max_chunk: values.get(Key::MaxChunkSize).map(|ChunkSize(size)| size)?,
            quota: UploadQuota {
                bytes: values.limit(Key::UploadUserQuota)?,
                unfinished: values.limit(Key::UploadUserUnfinished)?,
            },
            expiry: values.above_zero(Key::UploadExpiry)?,
            link: values.above_zero(Key::FileLinkTtl)?,
            rate: rate.and_then(NonZeroU32::new),
            scanner: scans.then_some(address.0),
        })
    }

    /// Where finished files are: a bucket with what the environment says of it.
    pub(crate) fn place(&self, environment: &dyn Fn(&str) -> Option<OsString>) -> Place {
        match &self.place {
            UploadPlace::Folder(folder) => Place::Folder(folder.clone()),
            UploadPlace::Bucket(url) => {
                let value = |name: &str| environment(name)?.into_string().ok().filter(|it| !it.is_empty());
                let named = AWS_VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?)));
                Place::S3 { url: url.clone(), variables: named.collect() }
            }
        }
    }

    /// Where files are that come.
    pub(crate) fn staging(&self, data_dir: &std::path::Path) -> PathBuf {
        match (&self.staging, &self.place) {
            (Some(folder), _) => folder.clone(),
            // On the same disk, so that a file that is whole only gets another name.
            (None, UploadPlace::Folder(folder)) => folder.join("temp"),
            (None, UploadPlace::Bucket(_)) => data_dir.join("uploads").join("temp"),
        }
    }
}

/// A folder or a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UploadPlace {
    Folder(PathBuf),
    Bucket(String),
}

impl FromText for UploadPlace {
    fn from_text(text: &str) -> Option<Self> {
        if let Some(place) = text.strip_prefix("s3://") {
            let bucket = place.split('/').next().unwrap_or_default();
            return (!bucket.is_empty()).then(|| Self::Bucket(text.to_owned()));
        }
        (!text.contains("://")).then(|| Self::Folder(text.into()))
    }
}

struct ChunkSize(u32);

impl FromText for ChunkSize {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|size| (1..=CHUNK_MAX).contains(size)).map(Self)
    }
}

struct ClamdAddress(Address);

impl FromText for ClamdAddress {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_folders_or_buckets() {
        let folder = |text: &str| Some(UploadPlace::Folder(text.into()));
        let bucket = |text: &str| Some(UploadPlace::Bucket(text.into()));
        assert_eq!(UploadPlace::from_text("/srv/files"), folder("/srv/files"));
        assert_eq!(UploadPlace::from_text("files"), folder("files"));
        assert_eq!(UploadPlace::from_text("s3://bucket"), bucket("s3://bucket"));
        assert_eq!(UploadPlace::from_text("s3://bucket/a/b"), bucket("s3://bucket/a/b"));
        for wrong in ["s3://", "s3:///a", "gs://bucket", "https://bucket"] {
            assert_eq!(UploadPlace::from_text(wrong), None, "{wrong}");
        }
    }
}
