//! Files: no test wants them to be slow either.

use super::SlowStore;
use async_trait::async_trait;
use parlor_domain::ports::{
    FileRecord, FileStatus, Page, Paged, StoreError, UploadCreated, UploadQuota, UploadStep, UploadStore,
};
use parlor_domain::{FileId, Timestamp, UserId};

#[async_trait]
impl UploadStore for SlowStore {
    async fn upload_create(&self, file: FileRecord, quota: UploadQuota) -> Result<UploadCreated, StoreError> {
        self.store.upload_create(file, quota).await
    }

    async fn upload_get(&self, id: FileId) -> Result<Option<FileRecord>, StoreError> {
        self.store.upload_get(id).await
    }

    async fn upload_readable(&self, id: FileId, user: UserId) -> Result<Option<FileRecord>, StoreError> {
        self.store.upload_readable(id, user).await
    }

    async fn upload_list(&self, owner: UserId, page: Page) -> Result<Paged<FileRecord>, StoreError> {
        self.store.upload_list(owner, page).await
    }

    async fn upload_step(&self, step: UploadStep) -> Result<bool, StoreError> {
        self.store.upload_step(step).await
    }

    async fn upload_delete(&self, id: FileId) -> Result<bool, StoreError> {
        self.store.upload_delete(id).await
    }

    async fn upload_expire(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.store.upload_expire(now).await
    }

    async fn upload_due(
        &self,
        status: FileStatus,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, StoreError> {
        self.store.upload_due(status, after, limit).await
    }

    async fn upload_forget(&self, id: FileId) -> Result<(), StoreError> {
        self.store.upload_forget(id).await
    }
}
