-- Models with instructions, under a name. `owner_id` is a user, or the nil id: the server's, for everybody. `prompt` is a
-- template, and `prompt_key` the id of the key that it is encrypted with; none where it is plain.
CREATE TABLE assistants (
    id           BLOB    NOT NULL PRIMARY KEY,
    owner_id     BLOB    NOT NULL,
    name         TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    model        TEXT,
    prompt       TEXT    NOT NULL,
    prompt_key   TEXT,
    temperature  REAL,
    max_tokens   INTEGER,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX assistants_by_name ON assistants (owner_id, name);

-- Which assistant answers in a room where a message names nobody.
ALTER TABLE conversations ADD COLUMN assistant_id BLOB;

CREATE INDEX conversations_by_assistant ON conversations (assistant_id) WHERE assistant_id IS NOT NULL;
