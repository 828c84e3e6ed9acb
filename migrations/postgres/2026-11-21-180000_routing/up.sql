-- The same changes as in migrations/sqlite: the comments there hold here too.
ALTER TABLE messages
    ADD COLUMN content_type text,
    ADD COLUMN backend      text,
    ADD COLUMN confidence   integer;

CREATE TABLE attempts (
    turn_id           uuid        NOT NULL,
    number            bigint      NOT NULL,
    user_id           uuid        NOT NULL,
    conversation_id   uuid,
    backend           text        NOT NULL,
    model             text,
    outcome           text        NOT NULL,
    prompt_tokens     bigint      NOT NULL,
    completion_tokens bigint      NOT NULL,
    usage_estimated   boolean     NOT NULL,
    cost_nano         bigint,
    started_at        timestamptz NOT NULL,
    first_content_ms  bigint,
    elapsed_ms        bigint      NOT NULL,
    accounts          text        NOT NULL,
    PRIMARY KEY (turn_id, number)
);

CREATE INDEX attempts_by_user ON attempts (user_id, started_at);

CREATE TABLE reservations (
    turn_id         uuid        NOT NULL,
    number          bigint      NOT NULL,
    user_id         uuid        NOT NULL,
    conversation_id uuid,
    tokens          bigint      NOT NULL,
    prompt_tokens   bigint      NOT NULL,
    accounts        text        NOT NULL,
    node            uuid        NOT NULL,
    reserved_at     timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    PRIMARY KEY (turn_id, number)
);

CREATE INDEX reservations_by_end ON reservations (expires_at);

-- Balances move with every attempt and stand in no index: with room on the page they are heap-only updates.
CREATE TABLE balances (
    account  text   NOT NULL COLLATE "C" PRIMARY KEY,
    used     bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
