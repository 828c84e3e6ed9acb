//! Conversations, and who takes part in them as their tasks know it. (Their heads, and the parts in them, move in
//! `append`.)

use crate::cipher::{Cipher, Place};
use crate::error::{Error, Result};
use crate::members::{NewParticipant, role_of};
use crate::pools::{Pools, change, read};
use crate::rooms::room_of;
use crate::schema::{conversations, participants};
use crate::types::{At, Id};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::message::Summary;
use parlor_domain::ports::ConversationRecord;
use parlor_domain::room::Participant;
use parlor_domain::{ConversationId, Timestamp, UserId};
use std::borrow::Cow;
use std::cmp::Reverse;

#[derive(Queryable, Selectable)]
#[diesel(table_name = conversations, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct SummaryRow {
    id: Id,
    title: String,
    updated_at: At,
    message_count: i64,
    last_seq: i64,
    key_id: Option<String>,
}

impl SummaryRow {
    /// Errors: its title cannot be opened.
    pub(crate) fn into_summary(self, cipher: &Cipher) -> Result<Summary> {
        let title = cipher.open(Place::Title(self.id), self.key_id.as_deref(), self.title)?;
        Ok(Summary {
            id: self.id.into(),
            title,
            updated_at: self.updated_at.into(),
            message_count: self.message_count.unsigned_abs(),
            last_seq: self.last_seq.unsigned_abs(),
        })
    }
}

/// A new conversation.
#[derive(Debug, Insertable)]
#[diesel(table_name = conversations)]
pub(crate) struct NewConversation<'a> {
    pub(crate) id: Id,
    pub(crate) title: Cow<'a, str>,
    pub(crate) title_folded: String,
    pub(crate) created_at: At,
    pub(crate) updated_at: At,
    pub(crate) key_id: Option<&'a str>,
}

impl<'a> NewConversation<'a> {
    /// Seals its title, which then has no folded form.
    pub(crate) fn new(cipher: &'a Cipher, id: Id, title: &'a str, now: At) -> Result<Self> {
        let (title, title_folded, key_id) = match cipher.seal(Place::Title(id), title)? {
            Some(sealed) => (Cow::Owned(sealed.text), String::new(), Some(sealed.key)),
            None => (Cow::Borrowed(title), title.to_lowercase(), None),
        };
        Ok(Self { id, title, title_folded, created_at: now, updated_at: now, key_id })
    }
}

/// The conversation's row, where it was not deleted: what is read of its log exists only beside this.
#[diesel::dsl::auto_type]
pub(crate) fn is_living(id: Id) -> _ {
    let found = conversations::id.eq(id);
    conversations::table.filter(found).filter(conversations::deleted_at.is_null())
}

/// The columns of `participants` that make a [`Participant`].
type ParticipantColumns = (Id, String, At, i64);

fn participant((user, role, joined_at, visible_after): ParticipantColumns) -> Result<Participant> {
    Ok(Participant {
        user: user.into(),
        role: role_of(&role)?,
        joined_at: joined_at.into(),
        visible_after: visible_after.unsigned_abs(),
    })
}

pub(crate) async fn get(pools: Pools, id: ConversationId) -> Result<Option<ConversationRecord>> {
    type Row = (SummaryRow, (Option<String>, Option<String>, Option<String>), Option<ParticipantColumns>);
    let people =
        (participants::user_id, participants::role, participants::joined_at, participants::visible_after);
    // One query, so that both halves are of one moment.
    let rows: Vec<Row> = read!(&pools, |conn| {
        conversations::table
            .left_join(participants::table)
            .filter(conversations::id.eq(Id::from(id)))
            .filter(conversations::deleted_at.is_null())
            .select((
                SummaryRow::as_select(),
                (conversations::room_id, conversations::room_kind, conversations::ai_mode),
                people.nullable(),
            ))
            .load(conn)
            .await?
    });
    let (mut conversation, mut participants) = (None, Vec::with_capacity(rows.len()));
    for (summary, room, person) in rows {
        conversation.get_or_insert((summary, room));
        participants.extend(person.map(participant).transpose()?);
    }
    let Some((summary, room)) = conversation else { return Ok(None) };
    let summary = summary.into_summary(pools.cipher())?;
    participants.sort_by_key(|one| (Reverse(one.role), one.joined_at, one.user));
    Ok(Some(ConversationRecord { summary, room: room_of(room)?, participants }))
}

/// Gives a conversation another title. Search enters it anew when it is next asked.
pub(crate) async fn retitle(pools: Pools, id: ConversationId, title: String) -> Result<bool> {
    let titled =
        NewConversation::new(pools.cipher(), id.into(), &title, At::from(Timestamp::from_microsecond(0)))?;
    let values = (
        conversations::title.eq(&*titled.title),
        conversations::title_folded.eq(&titled.title_folded),
        conversations::key_id.eq(titled.key_id),
        conversations::indexed_seq.eq(-1_i64),
    );
    change!(&pools, |conn| {
        let changed = diesel::update(conversations::table.find(titled.id))
            .filter(conversations::deleted_at.is_null())
            .set(values)
            .execute(conn)
            .await?;
        Ok(changed == 1)
    })
}

pub(crate) async fn create(
    pools: Pools,
    id: ConversationId,
    owner: UserId,
    title: String,
    now: Timestamp,
) -> Result<()> {
    let conversation = NewConversation::new(pools.cipher(), id.into(), &title, now.into())?;
    let owner = NewParticipant::owner(id.into(), owner.into(), now.into());
    change!(&pools, |conn| {
        let made = diesel::insert_into(conversations::table)
            .values(&conversation)
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        if made == 0 {
            return Err(Error::Exists);
        }
        diesel::insert_into(participants::table).values(&owner).execute(conn).await?;
        Ok(())
    })
}
