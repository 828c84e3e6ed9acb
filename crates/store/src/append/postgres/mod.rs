//! The append on PostgreSQL, in three steps: ask for all that the writes depend on, decide in memory, change all that
//! is to be changed. How many round trips it takes does not depend on how many writes there are.
//!
//! Other nodes append to the same conversations at the same time. What keeps the seqs gapless and the resends out is
//! the order of locks, the same in every transaction: first the fingerprints of messages that make a conversation
//! (advisory locks, since there is no row yet), then the conversations, then the turns, then the participants, then the files that messages carry, each kind
//! in the order of its keys. Nothing is looked up before what it depends on is locked, and each statement sees what was
//! committed before it (READ COMMITTED).
//!
//! Messages need no lock of their own: whoever changes one holds its conversation. So does whoever lets somebody in or
//! out, which keeps the number of members true. A receipt alone locks only its participant, since a head that it reads
//! a moment too early is at worst too low.

mod bulk;
mod known;
mod ledger;
mod wanted;

use self::known::Known;
use self::ledger::Ledger;
use self::wanted::Wanted;
use crate::cipher::Cipher;
use crate::error::Result;
use crate::writer::{Call, Outcome};
use diesel_async::AsyncPgConnection;

/// Does the writes of all calls in their order. Gives one outcome a write.
pub(crate) async fn apply(
    connection: &mut AsyncPgConnection,
    cipher: &Cipher,
    calls: &[Call],
) -> Result<Vec<Outcome>> {
    let writes = || calls.iter().flat_map(|call| &call.writes);
    let wanted = Wanted::by(cipher, writes());
    let known = Known::load(connection, cipher, wanted).await?;
    let mut ledger = Ledger::new(cipher, known);
    let outcomes = writes().map(|write| ledger.write(write)).collect::<Result<Vec<_>>>()?;
    ledger.flush(connection).await?;
    Ok(outcomes)
}
