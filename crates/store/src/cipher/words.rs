//! Words for search, which must not stand beside texts that are sealed.

use crate::error::Result;
use crate::pools::Pools;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;

const ARE_THERE: &str = "SELECT EXISTS (SELECT 1 FROM search_entries) AS some";

const EMPTY: &str =
    "DELETE FROM search_entries; INSERT INTO search_words (search_words) VALUES ('delete-all');";

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct AreThere {
    #[diesel(sql_type = Bool)]
    some: bool,
}

/// Empties the index of words, if it is not empty.
pub(crate) async fn empty(pools: &Pools) -> Result<()> {
    match pools {
        Pools::Sqlite { write, .. } => {
            let empty = |connection: &mut SqliteConnection| {
                let AreThere { some } = diesel::sql_query(ARE_THERE).get_result(connection)?;
                if !some {
                    return Ok(());
                }
                // The words stood in pages that are free then: these are overwritten too.
                connection.batch_execute("PRAGMA secure_delete = ON;")?;
                let emptied = connection.immediate_transaction(|connection| connection.batch_execute(EMPTY));
                connection.batch_execute("PRAGMA secure_delete = OFF;")?;
                emptied
            };
            Ok(write.get().await?.spawn_blocking(empty).await?)
        }
        Pools::Postgres { general, .. } => {
            use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
            let connection = &mut *general.get().await?;
            let AreThere { some } = RunQueryDsl::get_result(diesel::sql_query(ARE_THERE), connection).await?;
            if some {
                connection.batch_execute("TRUNCATE search_entries").await?;
            }
            Ok(())
        }
    }
}
