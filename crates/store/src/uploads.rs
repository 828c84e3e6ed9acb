//! Files, as far as they are rows.

use crate::cipher::{Cipher, Place};
use crate::error::{Error, Result};
use crate::locks::LockName;
use crate::messages::signed;
use crate::pools::{Pools, change, read};
use crate::schema::{upload_places, uploads};
use crate::types::{At, Id, sql};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{
    Checksum, FileRecord, FileStatus, Page, Paged, UploadCreated, UploadQuota, UploadStep,
};
use parlor_domain::{FileId, Timestamp, UserId};

const UPLOADING: &str = FileStatus::Uploading.as_str();
const DELETED: &str = FileStatus::Deleted.as_str();

#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = uploads, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    id: Id,
    owner_id: Id,
    conversation_id: Option<Id>,
    name: String,
    name_key: Option<String>,
    media_type: String,
    size: i64,
    chunk_size: i64,
    status: String,
    checksum: Option<Vec<u8>>,
    created_at: At,
    finished_at: Option<At>,
    expires_at: At,
}

impl Row {
    /// Seals its name.
    fn new(cipher: &Cipher, file: FileRecord) -> Result<Self> {
        let id = Id::from(file.id);
        let (name, name_key) = match cipher.seal(Place::FileName(id), &file.name)? {
            Some(sealed) => (sealed.text, Some(sealed.key.to_owned())),
            None => (file.name, None),
        };
        Ok(Self {
            id,
            owner_id: file.owner.into(),
            conversation_id: file.conversation.map(Id::from),
            name,
            name_key,
            media_type: file.media_type,
            size: bytes(file.size),
            chunk_size: file.chunk_size.into(),
            status: file.status.as_str().to_owned(),
            checksum: file.checksum.map(|checksum| checksum.0.to_vec()),
            created_at: file.created_at.into(),
            finished_at: file.finished_at.map(At::from),
            expires_at: file.expires_at.into(),
        })
    }

    /// Errors: its name cannot be opened, or the row makes no sense.
    fn into_record(self, cipher: &Cipher) -> Result<FileRecord> {
        let corrupt = || Error::Corrupt("uploads");
        let name = cipher.open(Place::FileName(self.id), self.name_key.as_deref(), self.name)?;
        let checksum = self.checksum.map(|bytes| bytes.try_into().map(Checksum).map_err(|_| corrupt()));
        Ok(FileRecord {
            id: self.id.into(),
            owner: self.owner_id.into(),
            conversation: self.conversation_id.map(Into::into),
            name,
            media_type: self.media_type,
            size: self.size.unsigned_abs(),
            chunk_size: u32::try_from(self.chunk_size).map_err(|_| corrupt())?,
            status: self.status.parse().map_err(|_| corrupt())?,
            checksum: checksum.transpose()?,
            created_at: self.created_at.into(),
            finished_at: self.finished_at.map(Into::into),
            expires_at: self.expires_at.into(),
        })
    }
}

fn bytes(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn records(cipher: &Cipher, rows: Vec<Row>) -> Result<Vec<FileRecord>> {
    rows.into_iter().map(|row| row.into_record(cipher)).collect()
}

/// A user's own files.
macro_rules! own {
    ($owner:expr) => {
        uploads::table.filter(uploads::owner_id.eq($owner)).filter(uploads::status.ne(DELETED))
    };
}

pub(crate) async fn create(pools: Pools, file: FileRecord, quota: UploadQuota) -> Result<UploadCreated> {
    let (owner, size) = (Id::from(file.owner), file.size);
    let name = format!("uploads of {}", file.owner);
    let row = Row::new(pools.cipher(), file)?;
    change!(&pools, |conn| {
        // Two of one user's that begin at once count each other.
        conn.lock_name(&name).await?;
        // PostgreSQL sums up to a number that may be larger, which nobody's files are.
        let used = own!(owner).select(diesel::dsl::sql::<BigInt>("CAST(coalesce(sum(size), 0) AS BIGINT)"));
        let used: i64 = used.get_result(conn).await?;
        if quota.bytes.is_some_and(|most| used.unsigned_abs().saturating_add(size) > most) {
            return Ok(UploadCreated::TooManyBytes);
        }
        let unfinished = own!(owner).filter(uploads::status.eq(UPLOADING)).select(count_star());
        let unfinished: i64 = unfinished.get_result(conn).await?;
        if quota.unfinished.is_some_and(|most| unfinished.unsigned_abs() >= most) {
            return Ok(UploadCreated::TooManyUnfinished);
        }
        diesel::insert_into(uploads::table).values(&row).execute(conn).await?;
        Ok(UploadCreated::Made)
    })
}

pub(crate) async fn get(pools: Pools, id: FileId) -> Result<Option<FileRecord>> {
    let row: Option<Row> = read!(&pools, |conn| {
        let found = uploads::table.find(Id::from(id)).filter(uploads::status.ne(DELETED));
        found.select(Row::as_select()).get_result(conn).await.optional()?
    });
    row.map(|row| row.into_record(pools.cipher())).transpose()
}

/// Whether a user reads a file by a conversation: by the one that it was uploaded into, where they see everything of it
/// or were there before; or by a message that they see.
const OPENS: &str = "SELECT count(*) AS ways FROM (
    SELECT 1 FROM uploads
    JOIN participants ON participants.conversation_id = uploads.conversation_id
    JOIN conversations ON conversations.id = uploads.conversation_id
    WHERE uploads.id = $1 AND participants.user_id = $2 AND participants.role <> 'removed'
    AND conversations.deleted_at IS NULL
    AND (participants.visible_after = 0 OR participants.joined_at <= uploads.finished_at)
    UNION ALL
    SELECT 1 FROM upload_places
    JOIN messages ON messages.id = upload_places.message_id
        AND messages.conversation_id = upload_places.conversation_id
    JOIN participants ON participants.conversation_id = messages.conversation_id
    JOIN conversations ON conversations.id = messages.conversation_id
    WHERE upload_places.upload_id = $1 AND participants.user_id = $2 AND participants.role <> 'removed'
    AND conversations.deleted_at IS NULL AND messages.deleted_at IS NULL
    AND messages.seq > participants.visible_after
) AS found";

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Ways {
    #[diesel(sql_type = BigInt)]
    ways: i64,
}

pub(crate) async fn readable(pools: Pools, id: FileId, user: UserId) -> Result<Option<FileRecord>> {
    let Some(record) = get(pools.clone(), id).await? else { return Ok(None) };
    if record.owner == user {
        return Ok(Some(record));
    }
    let opens = diesel::sql_query(OPENS).bind::<sql::Uid, _>(Id::from(id));
    let opens = opens.bind::<sql::Uid, _>(Id::from(user));
    let Ways { ways } = read!(&pools, |conn| opens.get_result(conn).await?);
    Ok(Some(record).filter(|_| ways > 0))
}

pub(crate) async fn list(pools: Pools, owner: UserId, page: Page) -> Result<Paged<FileRecord>> {
    let owner = Id::from(owner);
    let (rows, total): (Vec<Row>, i64) = read!(&pools, |conn| {
        let total = own!(owner).select(count_star()).get_result(conn).await?;
        let rows = own!(owner).order(uploads::id.desc()).offset(bytes(page.offset)).limit(signed(page.limit));
        (rows.select(Row::as_select()).load(conn).await?, total)
    });
    Ok(Paged { items: records(pools.cipher(), rows)?, total: total.unsigned_abs() })
}

pub(crate) async fn step(pools: Pools, step: UploadStep) -> Result<bool> {
    let UploadStep { id, from, to, content, at } = step;
    let finished = (to == FileStatus::Available).then(|| uploads::finished_at.eq(Some(At::from(at))));
    let content = content
        .map(|(size, sum)| (uploads::size.eq(bytes(size)), uploads::checksum.eq(Some(sum.0.to_vec()))));
    let columns = (uploads::status.eq(to.as_str()), finished, content);
    change!(&pools, |conn| {
        let due =
            uploads::table.filter(uploads::id.eq(Id::from(id))).filter(uploads::status.eq(from.as_str()));
        Ok(diesel::update(due).set(columns).execute(conn).await? > 0)
    })
}

pub(crate) async fn delete(pools: Pools, id: FileId) -> Result<bool> {
    change!(&pools, |conn| {
        let there = uploads::table.filter(uploads::id.eq(Id::from(id))).filter(uploads::status.ne(DELETED));
        Ok(diesel::update(there).set(uploads::status.eq(DELETED)).execute(conn).await? > 0)
    })
}

pub(crate) async fn expire(pools: Pools, now: Timestamp) -> Result<usize> {
    // Asked first, so that on SQLite the log waits for no look that finds nothing.
    let found: Vec<Id> = read!(&pools, |conn| {
        let due = uploads::table.filter(uploads::status.eq(UPLOADING).and(uploads::status.ne("available")));
        due.filter(uploads::expires_at.le(At::from(now))).select(uploads::id).limit(1_000).load(conn).await?
    });
    if found.is_empty() {
        return Ok(0);
    }
    change!(&pools, |conn| {
        let due = uploads::table.filter(uploads::status.eq(UPLOADING)).filter(uploads::id.eq_any(&found));
        Ok(diesel::update(due).set(uploads::status.eq(DELETED)).execute(conn).await?)
    })
}

pub(crate) async fn due(
    pools: Pools,
    status: FileStatus,
    after: Option<FileId>,
    limit: usize,
) -> Result<Vec<FileRecord>> {
    let after = after.map_or(Id(uuid::Uuid::nil()), Id::from);
    let rows: Vec<Row> = read!(&pools, |conn| {
        // What the index has, word for word.
        let due = uploads::table.filter(diesel::dsl::sql::<diesel::sql_types::Bool>("status <> 'available'"));
        let due = due.filter(uploads::status.eq(status.as_str())).filter(uploads::id.gt(after));
        due.order(uploads::id).limit(signed(limit)).select(Row::as_select()).load(conn).await?
    });
    records(pools.cipher(), rows)
}

pub(crate) async fn forget(pools: Pools, id: FileId) -> Result<()> {
    let id = Id::from(id);
    change!(&pools, |conn| {
        let gone = uploads::table.filter(uploads::id.eq(id)).filter(uploads::status.eq(DELETED));
        if diesel::delete(gone).execute(conn).await? > 0 {
            let places = upload_places::table.filter(upload_places::upload_id.eq(id));
            diesel::delete(places).execute(conn).await?;
        }
        Ok(())
    })
}

/// The files of the conversation `$1` that are in no other one: nobody can read them once it is removed.
pub(crate) const ORPHANED: &str = "UPDATE uploads SET status = 'deleted'
    WHERE (conversation_id = $1
        OR id IN (SELECT upload_id FROM upload_places WHERE upload_places.conversation_id = $1))
    AND (conversation_id IS NULL OR conversation_id = $1)
    AND NOT EXISTS (SELECT 1 FROM upload_places WHERE upload_places.upload_id = uploads.id
        AND upload_places.conversation_id <> $1)";

/// `uploads_forget_place!(conn, id)`: the files that are in the conversation alone go with it, and the others leave it.
macro_rules! uploads_forget_place {
    ($conn:expr, $id:expr) => {
        let orphaned = diesel::sql_query($crate::uploads::ORPHANED);
        orphaned.bind::<$crate::types::sql::Uid, _>($id).execute($conn).await?;
        let places = $crate::schema::upload_places::table
            .filter($crate::schema::upload_places::conversation_id.eq($id));
        diesel::delete(places).execute($conn).await?;
    };
}
pub(crate) use uploads_forget_place;
