-- The same tables as in migrations/sqlite: the comments there hold here too.
CREATE TABLE uploads (
    id              uuid        NOT NULL PRIMARY KEY,
    owner_id        uuid        NOT NULL,
    conversation_id uuid,
    name            text        NOT NULL,
    name_key        text,
    media_type      text        NOT NULL,
    size            bigint      NOT NULL,
    chunk_size      bigint      NOT NULL,
    status          text        NOT NULL,
    checksum        bytea,
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    expires_at      timestamptz NOT NULL
);

CREATE INDEX uploads_by_owner ON uploads (owner_id, id);
CREATE INDEX uploads_by_conversation ON uploads (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX uploads_unfinished ON uploads (status, id) WHERE status <> 'available';

CREATE TABLE upload_places (
    upload_id       uuid NOT NULL,
    conversation_id uuid NOT NULL,
    message_id      uuid NOT NULL,
    PRIMARY KEY (upload_id, conversation_id, message_id)
);

CREATE INDEX upload_places_by_conversation ON upload_places (conversation_id);
