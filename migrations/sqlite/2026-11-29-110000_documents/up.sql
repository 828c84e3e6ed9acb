-- Documents that replies may be made with. `scope_kind` and `scope_id` say what each is attached to: `user`, `room` (by its
-- conversation) or `assistant`. `state` is `pending` until its passages are made, then `ready` by `model`, or `failed`;
-- `lease_node` has it until `lease_until`. Each `…_key` names the key that a text is encrypted with; none: it is as it was.
CREATE TABLE documents (
    id           BLOB    NOT NULL PRIMARY KEY,
    owner_id     BLOB    NOT NULL,
    scope_kind   TEXT    NOT NULL,
    scope_id     BLOB    NOT NULL,
    title        TEXT    NOT NULL,
    title_key    TEXT,
    content_type TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    body         TEXT    NOT NULL,
    body_key     TEXT,
    state        TEXT    NOT NULL,
    problem      TEXT,
    chunks       INTEGER NOT NULL,
    model        TEXT,
    tries        INTEGER NOT NULL,
    lease_node   BLOB,
    lease_until  INTEGER,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_scope ON documents (scope_kind, scope_id, created_at);
CREATE INDEX documents_pending ON documents (created_at) WHERE state = 'pending';

-- A document's text in passages, from 0.
CREATE TABLE passages (
    id          BLOB    NOT NULL PRIMARY KEY,
    document_id BLOB    NOT NULL,
    number      INTEGER NOT NULL,
    content     TEXT    NOT NULL,
    key_id      TEXT
) STRICT;
CREATE UNIQUE INDEX passages_document ON passages (document_id, number);

-- The vectors of a document's passages in their order, each of `dimensions` bytes behind 4 bytes by which they are scaled.
-- They are in a table of their own, so that looking through them reads nothing else.
CREATE TABLE passage_vectors (
    document_id BLOB    NOT NULL PRIMARY KEY,
    dimensions  INTEGER NOT NULL,
    vectors     BLOB    NOT NULL
) STRICT;
