ALTER TABLE messages DROP COLUMN metadata_key, DROP COLUMN metadata;
