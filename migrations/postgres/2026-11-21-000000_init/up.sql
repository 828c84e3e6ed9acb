-- The same tables as in migrations/sqlite, column by column: the comments there hold here too.

CREATE TABLE server_state (
    name  text NOT NULL PRIMARY KEY,
    value text NOT NULL
);

INSERT INTO server_state (name, value) VALUES ('epoch', replace(gen_random_uuid()::text, '-', ''));

CREATE TABLE users (
    id         uuid        NOT NULL PRIMARY KEY,
    email      text        NOT NULL UNIQUE,
    role       text        NOT NULL,
    created_at timestamptz NOT NULL
);

-- Half of each page stays free, so that an append's new version of the row finds room beside the old one, and no
-- index changes (a heap-only update).
CREATE TABLE conversations (
    id            uuid        NOT NULL PRIMARY KEY,
    title         text        NOT NULL,
    title_folded  text        NOT NULL,
    last_seq      bigint      NOT NULL DEFAULT 0,
    message_count bigint      NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE participants (
    conversation_id uuid        NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         uuid        NOT NULL,
    role            text        NOT NULL,
    joined_at       timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
);

-- A fingerprint is 16 bytes, and uuid is how PostgreSQL keeps and compares 16 bytes best.
CREATE TABLE messages (
    conversation_id   uuid        NOT NULL,
    seq               bigint      NOT NULL,
    changed_seq       bigint      NOT NULL,
    id                uuid        NOT NULL UNIQUE,
    author_id         uuid,
    kind              text        NOT NULL,
    content           text        NOT NULL,
    client_id         text,
    fingerprint       uuid,
    in_reply_to       uuid,
    status            text,
    model             text,
    prompt_tokens     bigint,
    completion_tokens bigint,
    usage_estimated   boolean,
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, seq)
);

CREATE UNIQUE INDEX messages_by_fingerprint ON messages (fingerprint, conversation_id)
    WHERE fingerprint IS NOT NULL;

CREATE TABLE turns (
    id                uuid        NOT NULL PRIMARY KEY,
    conversation_id   uuid        NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    in_reply_to       uuid        NOT NULL,
    node              uuid        NOT NULL,
    lease_until       timestamptz NOT NULL,
    content           text        NOT NULL DEFAULT '',
    status            text,
    model             text,
    prompt_tokens     bigint,
    completion_tokens bigint,
    usage_estimated   boolean,
    ended_at          timestamptz
) WITH (fillfactor = 50);

-- Not on lease_until, which every checkpoint changes: they stay heap-only updates.
CREATE INDEX turns_live ON turns (conversation_id) WHERE status IS NULL;
