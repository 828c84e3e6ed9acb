-- The same changes as in migrations/sqlite: the comments there hold here too.
ALTER TABLE messages
    ADD COLUMN key_id       text,
    ADD COLUMN attached_key text;
ALTER TABLE conversations ADD COLUMN key_id text;
ALTER TABLE turns ADD COLUMN key_id text;

CREATE TABLE encryption_keys (
    id    text NOT NULL COLLATE "C" PRIMARY KEY,
    proof text NOT NULL
);
