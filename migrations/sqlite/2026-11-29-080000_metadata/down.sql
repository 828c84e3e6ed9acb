ALTER TABLE messages DROP COLUMN metadata_key;
ALTER TABLE messages DROP COLUMN metadata;
