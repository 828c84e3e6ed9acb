-- Refused where something may be encrypted (a row of nothing but NULL): a schema that does not know of it would take it
-- for what people wrote.
INSERT INTO encryption_keys SELECT NULL, NULL FROM encryption_keys;
DROP TABLE encryption_secrets;
DROP TABLE encryption_keys;

ALTER TABLE turns DROP COLUMN key_id;
ALTER TABLE conversations DROP COLUMN key_id;
ALTER TABLE messages DROP COLUMN fingerprint_keyed;
ALTER TABLE messages DROP COLUMN attached_key;
ALTER TABLE messages DROP COLUMN key_id;
