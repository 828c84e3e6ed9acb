-- Ids are 16 bytes (UUIDv7), instants are microseconds since 1970 in UTC.
--
-- Columns and tables are added by later migrations, and removed only by one that comes after a release which no
-- longer uses them: an older server must be able to run on a newer schema while a roll-out lasts.

-- What the log as a whole knows of itself. `epoch` names this very log: clients that hold positions of another one
-- (the database was put back from a copy) learn by it that their positions mean nothing here.
CREATE TABLE server_state (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO server_state (name, value) VALUES ('epoch', lower(hex(randomblob(16))));

-- `email` is in lower case.
CREATE TABLE users (
    id         BLOB    NOT NULL PRIMARY KEY,
    email      TEXT    NOT NULL UNIQUE,
    role       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `last_seq` and `message_count` change with every append, in its transaction. `title_folded` is the title in lower
-- case by Unicode's rules, which SQLite's own lower() does not know: a search for titles compares it with LIKE.
-- (Search in the text of messages will bring an FTS5 table of its own.)
CREATE TABLE conversations (
    id            BLOB    NOT NULL PRIMARY KEY,
    title         TEXT    NOT NULL,
    title_folded  TEXT    NOT NULL,
    last_seq      INTEGER NOT NULL DEFAULT 0,
    message_count INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- No reference to users: what somebody took part in outlives their account, and a write that shares its transaction
-- with those of others must not be able to fail because of one account.
CREATE TABLE participants (
    conversation_id BLOB    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         BLOB    NOT NULL,
    role            TEXT    NOT NULL,
    joined_at       INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;

-- The log. `seq` made the row; `changed_seq` is the entry that last changed it (an edit, say), the same as `seq` until
-- then. No author: the AI. `in_reply_to` and the columns after it are an assistant message's own.
-- No reference to conversations: the append holds the conversation's row anyway, and a check a message would cost as
-- much as the message.
CREATE TABLE messages (
    conversation_id   BLOB    NOT NULL,
    seq               INTEGER NOT NULL,
    changed_seq       INTEGER NOT NULL,
    id                BLOB    NOT NULL UNIQUE,
    author_id         BLOB,
    kind              TEXT    NOT NULL,
    content           TEXT    NOT NULL,
    client_id         TEXT,
    fingerprint       BLOB,
    in_reply_to       BLOB,
    status            TEXT,
    model             TEXT,
    prompt_tokens     INTEGER,
    completion_tokens INTEGER,
    usage_estimated   INTEGER,
    created_at        INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;

-- A resend is recognised by this index, in its conversation; one that made its conversation, in all of them.
CREATE UNIQUE INDEX messages_by_fingerprint ON messages (fingerprint, conversation_id)
    WHERE fingerprint IS NOT NULL;

-- AI replies in the making, under the id of the message that they become. A turn is live while it has no `status`;
-- `content` is its last checkpoint, and is emptied when the message has it.
CREATE TABLE turns (
    id                BLOB    NOT NULL PRIMARY KEY,
    conversation_id   BLOB    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    in_reply_to       BLOB    NOT NULL,
    node              BLOB    NOT NULL,
    lease_until       INTEGER NOT NULL,
    content           TEXT    NOT NULL DEFAULT '',
    status            TEXT,
    model             TEXT,
    prompt_tokens     INTEGER,
    completion_tokens INTEGER,
    usage_estimated   INTEGER,
    ended_at          INTEGER
) STRICT, WITHOUT ROWID;

-- All that is asked of turns is asked of the live ones, and those are few.
CREATE INDEX turns_live ON turns (conversation_id) WHERE status IS NULL;
