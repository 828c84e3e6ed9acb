//! Assistants. The server's own have the nil id for their owner, so that one index keeps names apart for everybody.

use crate::cipher::{Cipher, Place};
use crate::error::{Error, Result};
use crate::locks::LockName;
use crate::messages::signed;
use crate::pools::{Pools, change, read};
use crate::schema::{assistants, conversations};
use crate::types::{At, Id};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{Assistant, AssistantSaved};
use parlor_domain::{AssistantId, ConversationId, UserId};
use uuid::Uuid;

/// How many one list has.
const LIST: i64 = 1_000;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = assistants, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct AssistantRow {
    id: Id,
    owner_id: Id,
    name: String,
    display_name: String,
    model: Option<String>,
    prompt: String,
    prompt_key: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<i64>,
    created_at: At,
    updated_at: At,
}

fn owner_column(owner: Option<UserId>) -> Id {
    owner.map_or(Id(Uuid::nil()), Id::from)
}

impl AssistantRow {
    fn new(cipher: &Cipher, assistant: Assistant) -> Result<Self> {
        let id = Id::from(assistant.id);
        let (prompt, prompt_key) = match cipher.seal(Place::Assistant(id), &assistant.prompt)? {
            Some(sealed) => (sealed.text, Some(sealed.key.to_owned())),
            None => (assistant.prompt, None),
        };
        Ok(Self {
            id,
            owner_id: owner_column(assistant.owner),
            name: assistant.name,
            display_name: assistant.display_name,
            model: assistant.model,
            prompt,
            prompt_key,
            temperature: assistant.temperature,
            max_tokens: assistant.max_tokens.map(i64::from),
            created_at: assistant.created_at.into(),
            updated_at: assistant.updated_at.into(),
        })
    }

    /// Errors: its instructions cannot be opened, or the row makes no sense.
    fn into_assistant(self, cipher: &Cipher) -> Result<Assistant> {
        let max_tokens = self.max_tokens.map(u32::try_from).transpose();
        Ok(Assistant {
            prompt: cipher.open(Place::Assistant(self.id), self.prompt_key.as_deref(), self.prompt)?,
            id: self.id.into(),
            owner: (!self.owner_id.0.is_nil()).then(|| self.owner_id.into()),
            name: self.name,
            display_name: self.display_name,
            model: self.model,
            temperature: self.temperature,
            max_tokens: max_tokens.map_err(|_| Error::Corrupt("assistants"))?,
            created_at: self.created_at.into(),
            updated_at: self.updated_at.into(),
        })
    }
}

/// The lock on the assistants of an owner: they are counted, and their names compared.
fn lock(owner: Id) -> String {
    format!("assistants {}", owner.0)
}

pub(crate) async fn create(pools: Pools, new: Assistant, most: usize) -> Result<AssistantSaved> {
    let row = AssistantRow::new(pools.cipher(), new)?;
    let owner = row.owner_id;
    change!(&pools, |conn| {
        conn.lock_name(&lock(owner)).await?;
        let own = || assistants::table.filter(assistants::owner_id.eq(owner));
        let same = own().filter(assistants::name.eq(&row.name)).count();
        if same.get_result::<i64>(conn).await? > 0 {
            return Ok(AssistantSaved::NameTaken);
        }
        if own().count().get_result::<i64>(conn).await? >= signed(most) {
            return Ok(AssistantSaved::TooMany);
        }
        diesel::insert_into(assistants::table).values(&row).execute(conn).await?;
        Ok(AssistantSaved::Saved)
    })
}

pub(crate) async fn update(pools: Pools, changed: Assistant) -> Result<AssistantSaved> {
    let row = AssistantRow::new(pools.cipher(), changed)?;
    change!(&pools, |conn| {
        let owner = assistants::table.find(row.id).select(assistants::owner_id);
        let Some(owner) = owner.get_result::<Id>(conn).await.optional()? else {
            return Ok(AssistantSaved::Gone);
        };
        conn.lock_name(&lock(owner)).await?;
        let same = assistants::table
            .filter(assistants::owner_id.eq(owner))
            .filter(assistants::name.eq(&row.name))
            .filter(assistants::id.ne(row.id))
            .count();
        if same.get_result::<i64>(conn).await? > 0 {
            return Ok(AssistantSaved::NameTaken);
        }
        let columns = (
            assistants::name.eq(&row.name),
            assistants::display_name.eq(&row.display_name),
            assistants::model.eq(&row.model),
            assistants::prompt.eq(&row.prompt),
            assistants::prompt_key.eq(&row.prompt_key),
            assistants::temperature.eq(&row.temperature),
            assistants::max_tokens.eq(&row.max_tokens),
            assistants::updated_at.eq(&row.updated_at),
        );
        let update = diesel::update(assistants::table.find(row.id)).set(columns);
        let changed = update.execute(conn).await?;
        Ok(if changed == 0 { AssistantSaved::Gone } else { AssistantSaved::Saved })
    })
}

pub(crate) async fn delete(pools: Pools, id: AssistantId) -> Result<bool> {
    let id = Id::from(id);
    change!(&pools, |conn| {
        let rooms = conversations::table.filter(conversations::assistant_id.eq(id));
        diesel::update(rooms).set(conversations::assistant_id.eq(None::<Id>)).execute(conn).await?;
        Ok(diesel::delete(assistants::table.find(id)).execute(conn).await? > 0)
    })
}

pub(crate) async fn list(pools: Pools, owner: Option<UserId>) -> Result<Vec<Assistant>> {
    let rows: Vec<AssistantRow> = read!(&pools, |conn| {
        assistants::table
            .filter(assistants::owner_id.eq(owner_column(owner)))
            .order(assistants::name)
            .limit(LIST)
            .select(AssistantRow::as_select())
            .load(conn)
            .await?
    });
    rows.into_iter().map(|row| row.into_assistant(pools.cipher())).collect()
}

pub(crate) async fn of_room_set(
    pools: Pools,
    conversation: ConversationId,
    assistant: Option<AssistantId>,
) -> Result<bool> {
    let (id, assistant) = (Id::from(conversation), assistant.map(Id::from));
    change!(&pools, |conn| {
        if let Some(assistant) = assistant {
            let known = assistants::table.find(assistant).count();
            if known.get_result::<i64>(conn).await? == 0 {
                return Ok(false);
            }
        }
        let update =
            diesel::update(conversations::table.find(id)).set(conversations::assistant_id.eq(assistant));
        Ok(update.execute(conn).await? > 0)
    })
}

pub(crate) async fn of_room(pools: Pools, conversation: ConversationId) -> Result<Option<Assistant>> {
    let id = Id::from(conversation);
    let row: Option<AssistantRow> = read!(&pools, |conn| {
        assistants::table
            .inner_join(conversations::table.on(conversations::assistant_id.eq(assistants::id.nullable())))
            .filter(conversations::id.eq(id))
            .select(AssistantRow::as_select())
            .get_result(conn)
            .await
            .optional()?
    });
    row.map(|row| row.into_assistant(pools.cipher())).transpose()
}
