//! What the two databases do differently with the queues of users: on SQLite a transaction that may write is alone, on
//! PostgreSQL it holds the queues that it works on.

use crate::error::Result;
use crate::schema::job_queues;
use crate::types::{At, Id};
use diesel::prelude::*;

/// A connection.
pub(super) trait Clock {
    /// The time: the caller's, or the database's own where several nodes share it.
    async fn clock(&mut self, now: At) -> Result<At>;
}

/// A connection in a transaction.
pub(super) trait Queues: Clock {
    /// Makes the queues of these users, in ascending order, where there are none.
    async fn queues_make(&mut self, users: &[Id]) -> Result<()>;

    /// Waits until no other transaction has the queues of these users, in ascending order. Its next statement sees what
    /// those have committed.
    async fn queues_hold(&mut self, users: &[Id]) -> Result<()>;

    /// Whose turn it is among the queues with a job that is due, but for those that somebody holds. It is held then.
    async fn queue_next(&mut self, now: At) -> Result<Option<Id>>;
}

mod on_sqlite {
    #[allow(clippy::wildcard_imports, reason = "what this file is about, for one database")]
    use super::*;
    use crate::at_once::RunQueryDsl;
    use crate::pools::Lite;

    impl Clock for Lite {
        async fn clock(&mut self, now: At) -> Result<At> {
            Ok(now)
        }
    }

    impl Clock for SqliteConnection {
        async fn clock(&mut self, now: At) -> Result<At> {
            Ok(now)
        }
    }

    impl Queues for SqliteConnection {
        async fn queues_make(&mut self, users: &[Id]) -> Result<()> {
            for user in users {
                let queue = (job_queues::user_id.eq(*user), job_queues::turn.eq(0_i64));
                let insert = diesel::insert_into(job_queues::table).values(queue).on_conflict_do_nothing();
                insert.execute(self).await?;
            }
            Ok(())
        }

        async fn queues_hold(&mut self, _users: &[Id]) -> Result<()> {
            Ok(())
        }

        async fn queue_next(&mut self, now: At) -> Result<Option<Id>> {
            let due = job_queues::table.filter(job_queues::due_at.is_not_null());
            let due = due.filter(job_queues::due_at.le(now)).order((job_queues::turn, job_queues::user_id));
            Ok(due.select(job_queues::user_id).first(self).await.optional()?)
        }
    }
}

mod on_postgres {
    #[allow(clippy::wildcard_imports, reason = "what this file is about, for one database")]
    use super::*;
    use crate::types::sql;
    use diesel::sql_types::Array;
    use diesel_async::{AsyncPgConnection, RunQueryDsl};

    #[derive(QueryableByName)]
    #[diesel(check_for_backend(diesel::pg::Pg))]
    struct Time {
        #[diesel(sql_type = sql::Instant)]
        now: At,
    }

    impl Clock for AsyncPgConnection {
        async fn clock(&mut self, _now: At) -> Result<At> {
            let clock: Time = diesel::sql_query("SELECT clock_timestamp() AS now").get_result(self).await?;
            Ok(clock.now)
        }
    }

    impl Queues for AsyncPgConnection {
        async fn queues_make(&mut self, users: &[Id]) -> Result<()> {
            if users.is_empty() {
                return Ok(());
            }
            let insert = diesel::sql_query(
                "INSERT INTO job_queues (user_id) SELECT new FROM unnest($1) AS new ORDER BY new ON CONFLICT DO NOTHING",
            );
            insert.bind::<Array<sql::Uid>, _>(users).execute(self).await?;
            Ok(())
        }

        async fn queues_hold(&mut self, users: &[Id]) -> Result<()> {
            if users.is_empty() {
                return Ok(());
            }
            let held = job_queues::table.filter(job_queues::user_id.eq_any(users)).order(job_queues::user_id);
            let _: Vec<Id> = held.select(job_queues::user_id).for_update().load(self).await?;
            Ok(())
        }

        async fn queue_next(&mut self, now: At) -> Result<Option<Id>> {
            let due = job_queues::table.filter(job_queues::due_at.is_not_null());
            let due = due.filter(job_queues::due_at.le(now)).order((job_queues::turn, job_queues::user_id));
            let due = due.select(job_queues::user_id).for_update().skip_locked();
            Ok(due.first(self).await.optional()?)
        }
    }
}
