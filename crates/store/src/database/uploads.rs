//! Files.

use super::Database;
use crate::uploads;
use async_trait::async_trait;
use parlor_domain::ports::{
    FileRecord, FileStatus, Page, Paged, StoreError, UploadCreated, UploadQuota, UploadStep, UploadStore,
};
use parlor_domain::{FileId, Timestamp, UserId};

#[async_trait]
impl UploadStore for Database {
    async fn upload_create(&self, file: FileRecord, quota: UploadQuota) -> Result<UploadCreated, StoreError> {
        self.change("begin an upload", uploads::create(self.pools(), file, quota)).await
    }

    async fn upload_get(&self, id: FileId) -> Result<Option<FileRecord>, StoreError> {
        self.read("read a file", move |pools| uploads::get(pools, id)).await
    }

    async fn upload_readable(&self, id: FileId, user: UserId) -> Result<Option<FileRecord>, StoreError> {
        self.read("read a file", move |pools| uploads::readable(pools, id, user)).await
    }

    async fn upload_list(&self, owner: UserId, page: Page) -> Result<Paged<FileRecord>, StoreError> {
        self.read("list files", move |pools| uploads::list(pools, owner, page)).await
    }

    async fn upload_step(&self, step: UploadStep) -> Result<bool, StoreError> {
        self.change("take a file further", uploads::step(self.pools(), step)).await
    }

    async fn upload_delete(&self, id: FileId) -> Result<bool, StoreError> {
        self.change("delete a file", uploads::delete(self.pools(), id)).await
    }

    async fn upload_expire(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.change("look for uploads that took too long", uploads::expire(self.pools(), now)).await
    }

    async fn upload_due(
        &self,
        status: FileStatus,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, StoreError> {
        self.read("look for unfinished files", move |pools| uploads::due(pools, status, after, limit)).await
    }

    async fn upload_forget(&self, id: FileId) -> Result<(), StoreError> {
        self.repeat("forget a file", move |pools| uploads::forget(pools, id)).await
    }
}
