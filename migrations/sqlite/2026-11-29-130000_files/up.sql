-- Files, from the beginning of their upload on. Their bytes are elsewhere, under their ids. `conversation_id` is the one
-- that it was uploaded into, if it was one. `name` is sealed where there is a key, which `name_key` names. `status` is
-- uploading, pending (for the scanner), clean, available, or deleted: then its bytes are still to be removed.
CREATE TABLE uploads (
    id              BLOB    NOT NULL PRIMARY KEY,
    owner_id        BLOB    NOT NULL,
    conversation_id BLOB,
    name            TEXT    NOT NULL,
    name_key        TEXT,
    media_type      TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    chunk_size      INTEGER NOT NULL,
    status          TEXT    NOT NULL,
    checksum        BLOB,
    created_at      INTEGER NOT NULL,
    finished_at     INTEGER,
    expires_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX uploads_by_owner ON uploads (owner_id, id);
CREATE INDEX uploads_by_conversation ON uploads (conversation_id) WHERE conversation_id IS NOT NULL;
-- Almost all are available, and nobody looks for these.
CREATE INDEX uploads_unfinished ON uploads (status, id) WHERE status <> 'available';

-- Which messages carry which files: written with the message, and removed when that is deleted.
CREATE TABLE upload_places (
    upload_id       BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    message_id      BLOB NOT NULL,
    PRIMARY KEY (upload_id, conversation_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX upload_places_by_conversation ON upload_places (conversation_id);
