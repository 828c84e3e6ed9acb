-- The same changes as in migrations/sqlite: the comments there hold here too.
ALTER TABLE messages
    ADD COLUMN key_id            text,
    ADD COLUMN attached_key      text,
    ADD COLUMN fingerprint_keyed boolean;
ALTER TABLE conversations ADD COLUMN key_id text;
ALTER TABLE turns ADD COLUMN key_id text;

CREATE TABLE encryption_keys (
    id    text NOT NULL COLLATE "C" PRIMARY KEY,
    proof text NOT NULL
);

CREATE TABLE encryption_secrets (
    name   text NOT NULL COLLATE "C" PRIMARY KEY,
    sealed text NOT NULL,
    key_id text NOT NULL COLLATE "C" REFERENCES encryption_keys (id)
);
