//! Files, as every store keeps them.

use super::MemoryStore;
use super::log::Log;
use crate::message::{Author, Message};
use crate::ports::{
    FileRecord, FileStatus, Page, Paged, StoreError, UploadCreated, UploadQuota, UploadStep, UploadStore,
};
use crate::{ConversationId, FileId, MessageId, Timestamp, UserId};
use async_trait::async_trait;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of files.
#[derive(Debug, Default)]
pub(super) struct Files {
    of: BTreeMap<FileId, FileRecord>,
    /// Which messages carry which.
    places: BTreeSet<(FileId, ConversationId, MessageId)>,
}

impl Files {
    fn present(&self, id: FileId) -> Option<&FileRecord> {
        self.of.get(&id).filter(|record| record.status != FileStatus::Deleted)
    }

    fn create(&mut self, file: FileRecord, quota: UploadQuota) -> UploadCreated {
        let own = || self.of.values().filter(|it| it.owner == file.owner && it.status != FileStatus::Deleted);
        let bytes: u64 = own().map(|it| it.size).sum();
        let unfinished = own().filter(|it| it.status == FileStatus::Uploading).count() as u64;
        if quota.bytes.is_some_and(|most| bytes + file.size > most) {
            return UploadCreated::TooManyBytes;
        }
        if quota.unfinished.is_some_and(|most| unfinished >= most) {
            return UploadCreated::TooManyUnfinished;
        }
        self.of.insert(file.id, file);
        UploadCreated::Made
    }

    fn step(&mut self, step: UploadStep) -> bool {
        let Some(record) = self.of.get_mut(&step.id).filter(|it| it.status == step.from) else {
            return false;
        };
        record.status = step.to;
        if let Some((size, checksum)) = step.content {
            (record.size, record.checksum) = (size, Some(checksum));
        }
        if step.to == FileStatus::Available {
            record.finished_at = Some(step.at);
        }
        true
    }

    fn delete(&mut self, id: FileId) -> bool {
        let record = self.of.get_mut(&id).filter(|it| it.status != FileStatus::Deleted);
        record.map(|it| it.status = FileStatus::Deleted).is_some()
    }

    fn is_readable(&self, record: &FileRecord, user: UserId, log: &Log) -> bool {
        let sees_all = |conversation: ConversationId| {
            let Some(person) = log.conversation(conversation).and_then(|it| it.member(user)) else {
                return false;
            };
            person.role.is_some()
                && (person.visible_after == 0 || record.finished_at.is_some_and(|at| person.joined_at <= at))
        };
        let sees = |conversation: ConversationId, message: MessageId| {
            let person = log.conversation(conversation).and_then(|it| it.member(user));
            let message = log.message(conversation, message).filter(|it| it.deleted_at.is_none());
            matches!((person, message), (Some(person), Some(message))
                if person.role.is_some() && message.seq > person.visible_after)
        };
        record.owner == user
            || record.conversation.is_some_and(sees_all)
            || self.places.iter().any(|(file, place, message)| *file == record.id && sees(*place, *message))
    }

    /// A message came into the log.
    pub(super) fn carried(&mut self, message: &Message) {
        for attachment in message.metadata.iter().flat_map(|it| &it.attachments) {
            if self.present(attachment.file).is_some() {
                self.places.insert((attachment.file, message.conversation, message.id));
            }
        }
    }

    /// A message was deleted: its author's files that no other one carries go with it.
    pub(super) fn dropped(&mut self, message: &Message) {
        let place = (message.conversation, message.id);
        let (own, others): (BTreeSet<_>, BTreeSet<_>) =
            std::mem::take(&mut self.places).into_iter().partition(|it| (it.1, it.2) == place);
        self.places = others;
        for (file, ..) in own {
            let elsewhere = self.places.iter().any(|(other, ..)| *other == file);
            let record = self.of.get_mut(&file).filter(|it| Author::User(it.owner) == message.author);
            if let Some(record) = record.filter(|_| !elsewhere) {
                record.status = FileStatus::Deleted;
            }
        }
    }

    /// A conversation is removed for good: the files that are nowhere else go with it.
    pub(super) fn forget_conversation(&mut self, id: ConversationId) {
        let here: BTreeSet<_> =
            self.places.iter().filter(|(_, place, _)| *place == id).map(|it| it.0).collect();
        self.places.retain(|(_, place, _)| *place != id);
        let places = &self.places;
        for record in self.of.values_mut() {
            let elsewhere = places.iter().any(|(file, ..)| *file == record.id)
                || record.conversation.is_some_and(|conversation| conversation != id);
            if (here.contains(&record.id) || record.conversation == Some(id)) && !elsewhere {
                record.status = FileStatus::Deleted;
            }
        }
    }
}

#[async_trait]
impl UploadStore for MemoryStore {
    async fn upload_create(&self, file: FileRecord, quota: UploadQuota) -> Result<UploadCreated, StoreError> {
        self.with_inner(|inner| inner.files.create(file, quota))
    }

    async fn upload_get(&self, id: FileId) -> Result<Option<FileRecord>, StoreError> {
        self.with_inner(|inner| inner.files.present(id).cloned())
    }

    async fn upload_readable(&self, id: FileId, user: UserId) -> Result<Option<FileRecord>, StoreError> {
        self.with_inner(|inner| {
            let record = inner.files.present(id)?;
            inner.files.is_readable(record, user, &inner.log).then(|| record.clone())
        })
    }

    async fn upload_list(&self, owner: UserId, page: Page) -> Result<Paged<FileRecord>, StoreError> {
        self.with_inner(|inner| {
            let own = inner.files.of.values().filter(|it| it.owner == owner);
            let mut own: Vec<_> = own.filter(|it| it.status != FileStatus::Deleted).cloned().collect();
            own.sort_by_key(|it| Reverse(it.id));
            super::archive::paged(own, page)
        })
    }

    async fn upload_step(&self, step: UploadStep) -> Result<bool, StoreError> {
        self.with_inner(|inner| inner.files.step(step))
    }

    async fn upload_delete(&self, id: FileId) -> Result<bool, StoreError> {
        self.with_inner(|inner| inner.files.delete(id))
    }

    async fn upload_expire(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.with_inner(|inner| {
            let due = |it: &&FileRecord| it.status == FileStatus::Uploading && it.expires_at <= now;
            let due: Vec<_> = inner.files.of.values().filter(due).map(|it| it.id).collect();
            due.into_iter().filter(|id| inner.files.delete(*id)).count()
        })
    }

    async fn upload_due(
        &self,
        status: FileStatus,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, StoreError> {
        self.with_inner(|inner| {
            let due = inner.files.of.values().filter(|it| it.status == status && Some(it.id) > after);
            due.take(limit).cloned().collect()
        })
    }

    async fn upload_forget(&self, id: FileId) -> Result<(), StoreError> {
        self.with_inner(|inner| {
            if inner.files.present(id).is_none() {
                inner.files.of.remove(&id);
                inner.files.places.retain(|(file, ..)| *file != id);
            }
        })
    }
}
