-- The same tables as in migrations/sqlite: the comments there hold here too.
CREATE TABLE documents (
    id           uuid        NOT NULL PRIMARY KEY,
    owner_id     uuid        NOT NULL,
    scope_kind   text        NOT NULL COLLATE "C",
    scope_id     uuid        NOT NULL,
    title        text        NOT NULL,
    title_key    text,
    content_type text        NOT NULL,
    size         bigint      NOT NULL,
    body         text        NOT NULL,
    body_key     text,
    state        text        NOT NULL COLLATE "C",
    problem      text,
    chunks       bigint      NOT NULL,
    model        text,
    tries        bigint      NOT NULL,
    lease_node   uuid,
    lease_until  timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX documents_scope ON documents (scope_kind, scope_id, created_at);
CREATE INDEX documents_pending ON documents (created_at) WHERE state = 'pending';

CREATE TABLE passages (
    id          uuid   NOT NULL PRIMARY KEY,
    document_id uuid   NOT NULL,
    number      bigint NOT NULL,
    content     text   NOT NULL,
    key_id      text
);
CREATE UNIQUE INDEX passages_document ON passages (document_id, number);

-- What pgvector finds passages by, where it is installed, is in a table that is made when the database is opened.
CREATE TABLE passage_vectors (
    document_id uuid   NOT NULL PRIMARY KEY,
    dimensions  bigint NOT NULL,
    vectors     bytea  NOT NULL
);
