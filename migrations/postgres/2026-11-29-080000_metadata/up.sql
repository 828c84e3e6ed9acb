-- The same changes as in migrations/sqlite: the comments there hold here too.
ALTER TABLE messages
    ADD COLUMN metadata     text,
    ADD COLUMN metadata_key text;
