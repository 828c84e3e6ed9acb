//! The reactions to a message as one column: JSON, `[{"emoji":"👍","users":["…"]}]`, or nothing where there are none.

use crate::error::{Error, Result};
use parlor_domain::UserId;
use parlor_domain::message::Reaction;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
struct Column<'a> {
    emoji: Cow<'a, str>,
    users: Cow<'a, [UserId]>,
}

impl<'a> Column<'a> {
    fn of(reaction: &'a Reaction) -> Self {
        Self { emoji: Cow::Borrowed(&reaction.emoji), users: Cow::Borrowed(&reaction.users) }
    }
}

pub(crate) fn to_column(reactions: &[Reaction]) -> Result<Option<String>> {
    if reactions.is_empty() {
        return Ok(None);
    }
    let columns: Vec<Column<'_>> = reactions.iter().map(Column::of).collect();
    serde_json::to_string(&columns).map(Some).map_err(|_| Error::Corrupt("messages"))
}

pub(crate) fn from_column(column: Option<&str>) -> Result<Vec<Reaction>> {
    let Some(text) = column else { return Ok(Vec::new()) };
    let columns: Vec<Column<'_>> = serde_json::from_str(text).map_err(|_| Error::Corrupt("messages"))?;
    let reaction =
        |column: Column<'_>| Reaction { emoji: column.emoji.into_owned(), users: column.users.into_owned() };
    Ok(columns.into_iter().map(reaction).collect())
}
