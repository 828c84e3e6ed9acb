//! Who has which documents, and what of them is to be made ready.

use crate::cipher::{Cipher, Place};
use crate::error::{Error, Result};
use crate::locks::LockName;
use crate::messages::signed;
use crate::pools::{Pools, change, read};
use crate::schema::{assistants, conversations, documents};
use crate::types::{At, Id};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::DocumentId;
use parlor_domain::ports::{
    DocumentLease, DocumentRecord, DocumentScope, DocumentState, DocumentWork, Page, Paged,
};

/// A row without its text.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = documents, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct DocumentRow {
    id: Id,
    owner_id: Id,
    scope_kind: String,
    scope_id: Id,
    title: String,
    title_key: Option<String>,
    content_type: String,
    size: i64,
    state: String,
    problem: Option<String>,
    chunks: i64,
    created_at: At,
    updated_at: At,
}

impl DocumentRow {
    fn into_record(self, cipher: &Cipher) -> Result<DocumentRecord> {
        let corrupt = || Error::Corrupt("documents");
        Ok(DocumentRecord {
            id: self.id.into(),
            owner: self.owner_id.into(),
            scope: DocumentScope::from_words(&self.scope_kind, self.scope_id.0).ok_or_else(corrupt)?,
            title: cipher.open(Place::DocumentTitle(self.id), self.title_key.as_deref(), self.title)?,
            content_type: self.content_type,
            size: self.size.unsigned_abs(),
            state: DocumentState::from_word(&self.state).ok_or_else(corrupt)?,
            problem: self.problem,
            chunks: u32::try_from(self.chunks).map_err(|_| corrupt())?,
            created_at: self.created_at.into(),
            updated_at: self.updated_at.into(),
        })
    }
}

/// The documents of a scope.
macro_rules! of_scope {
    ($scope:expr) => {
        documents::table
            .filter(documents::scope_kind.eq($scope.kind()))
            .filter(documents::scope_id.eq(Id($scope.id())))
    };
}

/// Who adds to a scope waits for others who do, so that no two of them are the last one that fits.
pub(crate) async fn add(pools: Pools, record: DocumentRecord, text: String, most: u64) -> Result<bool> {
    let id = Id::from(record.id);
    let title = pools.cipher().seal(Place::DocumentTitle(id), &record.title)?;
    let body = pools.cipher().seal(Place::DocumentBody(id), &text)?;
    let row = (
        documents::id.eq(id),
        documents::owner_id.eq(Id::from(record.owner)),
        documents::scope_kind.eq(record.scope.kind()),
        documents::scope_id.eq(Id(record.scope.id())),
        documents::title.eq(title.as_ref().map_or(&*record.title, |it| &it.text)),
        documents::title_key.eq(title.as_ref().map(|it| it.key)),
        documents::content_type.eq(&*record.content_type),
        documents::size.eq(signed(record.size)),
        documents::body.eq(body.as_ref().map_or(&*text, |it| &it.text)),
        documents::body_key.eq(body.as_ref().map(|it| it.key)),
        documents::state.eq(record.state.as_str()),
        documents::chunks.eq(0),
        documents::tries.eq(0),
        documents::created_at.eq(At::from(record.created_at)),
        documents::updated_at.eq(At::from(record.updated_at)),
    );
    let scope = record.scope;
    let lock = format!("documents:{}:{}", scope.kind(), scope.id());
    change!(&pools, |conn| {
        conn.lock_name(&lock).await?;
        let count: i64 = of_scope!(scope).count().get_result(conn).await?;
        if count.unsigned_abs() >= most {
            return Ok(false);
        }
        diesel::insert_into(documents::table).values(row).execute(conn).await?;
        Ok(true)
    })
}

pub(crate) async fn get(pools: Pools, id: DocumentId) -> Result<Option<DocumentRecord>> {
    let row: Option<DocumentRow> = read!(&pools, |conn| {
        let query = documents::table.find(Id::from(id)).select(DocumentRow::as_select());
        query.get_result(conn).await.optional()?
    });
    row.map(|row| row.into_record(pools.cipher())).transpose()
}

pub(crate) async fn list(pools: Pools, scope: DocumentScope, page: Page) -> Result<Paged<DocumentRecord>> {
    let (total, rows): (i64, Vec<DocumentRow>) = read!(&pools, |conn| {
        let total = of_scope!(scope).count().get_result(conn).await?;
        let rows = of_scope!(scope)
            .order((documents::created_at.desc(), documents::id.desc()))
            .offset(signed(page.offset))
            .limit(signed(page.limit))
            .select(DocumentRow::as_select())
            .load(conn)
            .await?;
        (total, rows)
    });
    let items = rows.into_iter().map(|row| row.into_record(pools.cipher())).collect::<Result<_>>()?;
    Ok(Paged { items, total: total.unsigned_abs() })
}

/// `delete!(conn, pools, ids)`: removes documents with all that was made of them, the documents first: who indexes one holds
/// its row.
macro_rules! delete {
    ($conn:ident, $pools:expr, $ids:expr) => {{
        let gone = diesel::delete(documents::table.filter(documents::id.eq_any($ids.clone())))
            .execute($conn)
            .await?;
        $crate::knowledge::documents::made_delete!($conn, $pools, $ids);
        gone
    }};
}

/// `made_delete!(conn, pools, ids)`: removes what was made of documents.
macro_rules! made_delete {
    ($conn:ident, $pools:expr, $ids:expr) => {
        let rows = $crate::schema::passages::table
            .filter($crate::schema::passages::document_id.eq_any($ids.clone()));
        diesel::delete(rows).execute($conn).await?;
        let rows = $crate::schema::passage_vectors::table
            .filter($crate::schema::passage_vectors::document_id.eq_any($ids.clone()));
        diesel::delete(rows).execute($conn).await?;
        if $pools.has_pgvector() {
            for id in $ids.clone() {
                let delete = diesel::sql_query($crate::knowledge::pgvector::DELETE);
                delete.bind::<$crate::types::sql::Uid, _>(id).execute($conn).await?;
            }
        }
    };
}

pub(super) use made_delete;

pub(crate) async fn delete(pools: Pools, id: DocumentId) -> Result<bool> {
    let ids = vec![Id::from(id)];
    let gone = change!(&pools, |conn| Ok(delete!(conn, &pools, ids)))?;
    Ok(gone > 0)
}

pub(crate) async fn delete_of_gone(pools: Pools, limit: usize) -> Result<usize> {
    let living = conversations::table
        .filter(conversations::id.eq(documents::scope_id))
        .filter(conversations::deleted_at.is_null());
    let known = assistants::table.filter(assistants::id.eq(documents::scope_id));
    let room_is_gone = documents::scope_kind.eq("room").and(not(exists(living)));
    let assistant_is_gone = documents::scope_kind.eq("assistant").and(not(exists(known)));
    let ids: Vec<Id> = read!(&pools, |conn| {
        documents::table
            .filter(room_is_gone.or(assistant_is_gone))
            .limit(signed(limit))
            .select(documents::id)
            .load(conn)
            .await?
    });
    if ids.is_empty() {
        return Ok(0);
    }
    change!(&pools, |conn| Ok(delete!(conn, &pools, ids)))
}

pub(crate) async fn outdated(pools: Pools, model: String) -> Result<usize> {
    let anew = (
        documents::state.eq(DocumentState::Pending.as_str()),
        documents::tries.eq(0),
        documents::lease_node.eq(None::<Id>),
        documents::lease_until.eq(None::<At>),
    );
    let ready = DocumentState::Ready.as_str();
    change!(&pools, |conn| {
        let others = documents::table.filter(documents::state.eq(ready)).filter(documents::model.ne(&model));
        let mut count = diesel::update(others).set(anew).execute(conn).await?;
        if pools.has_pgvector() {
            // They were made while the extension was not there.
            count += diesel::sql_query(super::pgvector::OUTDATED).execute(conn).await?;
        }
        Ok(count)
    })
}

/// A document with its text, the key of that, and how often it was tried.
type Taken = (DocumentRow, (String, Option<String>, i64));

/// Takes the document that waited longest. Where two nodes want it at once the second finds that it has none.
pub(crate) async fn claim(pools: Pools, lease: DocumentLease, alone: bool) -> Result<Option<DocumentWork>> {
    let (now, node) = (At::from(lease.now), Id(lease.node));
    // What is another node's, where there can be no other node, is a dead one's.
    let dead = if alone { node } else { Id(uuid::Uuid::nil()) };
    macro_rules! free {
        () => {
            documents::table.filter(documents::state.eq(DocumentState::Pending.as_str())).filter(
                documents::lease_until
                    .is_null()
                    .or(documents::lease_until.le(now))
                    .or(documents::lease_node.ne(node).and(alone_is(dead, node))),
            )
        };
    }
    let taken = (
        documents::lease_node.eq(node),
        documents::lease_until.eq(At::from(lease.until)),
        documents::tries.eq(documents::tries + 1),
    );
    let row: Option<Taken> = change!(&pools, |conn| {
        let next = free!().order((documents::created_at, documents::id)).select(documents::id).limit(1);
        let Some(id) = next.get_result::<Id>(conn).await.optional()? else { return Ok(None) };
        let count = diesel::update(free!().filter(documents::id.eq(id))).set(taken).execute(conn).await?;
        if count == 0 {
            return Ok(None);
        }
        let columns = (DocumentRow::as_select(), (documents::body, documents::body_key, documents::tries));
        Ok(documents::table.find(id).select(columns).get_result(conn).await.optional()?)
    })?;
    let Some((row, (body, key, tries))) = row else { return Ok(None) };
    let text = pools.cipher().open(Place::DocumentBody(row.id), key.as_deref(), body)?;
    let record = row.into_record(pools.cipher())?;
    Ok(Some(DocumentWork { record, text, tries: u32::try_from(tries).unwrap_or(u32::MAX) }))
}

/// Whether this process is alone, as a condition.
fn alone_is(dead: Id, node: Id) -> diesel::expression::SqlLiteral<diesel::sql_types::Bool> {
    diesel::dsl::sql(if dead == node { "1 = 1" } else { "1 = 0" })
}

/// `mine!(id, lease)`: a pending document that the lease's node has.
macro_rules! mine {
    ($id:expr, $lease:expr) => {
        $crate::schema::documents::table
            .filter($crate::schema::documents::id.eq($crate::types::Id::from($id)))
            .filter($crate::schema::documents::state.eq("pending"))
            .filter($crate::schema::documents::lease_node.eq($crate::types::Id($lease.node)))
    };
}

pub(super) use mine;

pub(crate) async fn hold(pools: Pools, id: DocumentId, lease: DocumentLease) -> Result<bool> {
    let longer = documents::lease_until.eq(At::from(lease.until));
    let count =
        change!(&pools, |conn| Ok(diesel::update(mine!(id, lease)).set(longer).execute(conn).await?))?;
    Ok(count > 0)
}

pub(crate) async fn problem(
    pools: Pools,
    id: DocumentId,
    lease: DocumentLease,
    state: DocumentState,
    problem: String,
) -> Result<()> {
    let values = (
        documents::state.eq(state.as_str()),
        documents::problem.eq(&problem),
        documents::lease_until.eq(At::from(lease.until)),
        documents::updated_at.eq(At::from(lease.now)),
    );
    change!(&pools, |conn| {
        diesel::update(mine!(id, lease)).set(values).execute(conn).await?;
        Ok(())
    })
}
