-- What everybody sees beside a message's text, as JSON: what a reply cites, and files. `metadata_key` names the key that it
-- is encrypted with; none: it is as it was written.
ALTER TABLE messages ADD COLUMN metadata TEXT;
ALTER TABLE messages ADD COLUMN metadata_key TEXT;
