-- `content_type` is what the text is, in the sender's word. `backend`, which made the reply, and `confidence`, in
-- millionths, are an assistant message's own.
ALTER TABLE messages ADD COLUMN content_type TEXT;
ALTER TABLE messages ADD COLUMN backend TEXT;
ALTER TABLE messages ADD COLUMN confidence INTEGER;

-- The books: one row an attempt at a turn that is over. Nothing in it ever changes. `accounts` names those that it
-- counts in: JSON, ["user:…",…].
CREATE TABLE attempts (
    turn_id           BLOB    NOT NULL,
    number            INTEGER NOT NULL,
    user_id           BLOB    NOT NULL,
    conversation_id   BLOB,
    backend           TEXT    NOT NULL,
    model             TEXT,
    outcome           TEXT    NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    usage_estimated   INTEGER NOT NULL,
    cost_nano         INTEGER,
    started_at        INTEGER NOT NULL,
    first_content_ms  INTEGER,
    elapsed_ms        INTEGER NOT NULL,
    accounts          TEXT    NOT NULL,
    PRIMARY KEY (turn_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_by_user ON attempts (user_id, started_at);

-- The tokens that are set aside for attempts that are not over. The row of one whose node died is all that is known
-- of it.
CREATE TABLE reservations (
    turn_id         BLOB    NOT NULL,
    number          INTEGER NOT NULL,
    user_id         BLOB    NOT NULL,
    conversation_id BLOB,
    tokens          INTEGER NOT NULL,
    prompt_tokens   INTEGER NOT NULL,
    accounts        TEXT    NOT NULL,
    node            BLOB    NOT NULL,
    reserved_at     INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    PRIMARY KEY (turn_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservations_by_end ON reservations (expires_at);

-- What the two tables above come to, an account: `used` by the attempts, `reserved` by the reservations. It changes
-- with them, in their transaction.
CREATE TABLE balances (
    account  TEXT    NOT NULL PRIMARY KEY,
    used     INTEGER NOT NULL DEFAULT 0,
    reserved INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
