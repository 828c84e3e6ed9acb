-- The same changes as in migrations/sqlite: the comments there hold here too.
ALTER TABLE messages ADD COLUMN attached text;

CREATE INDEX messages_replies ON messages (conversation_id, in_reply_to, seq)
    WHERE in_reply_to IS NOT NULL;

CREATE INDEX conversations_deleted ON conversations (deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE conversations ADD COLUMN indexed_seq bigint NOT NULL DEFAULT -1;

-- One table where SQLite needs two. The words are ours, with their places, and go through no parser and no dictionary.
CREATE TABLE search_entries (
    conversation_id uuid     NOT NULL,
    seq             bigint   NOT NULL,
    words           tsvector NOT NULL,
    PRIMARY KEY (conversation_id, seq)
);

CREATE INDEX search_by_words ON search_entries USING gin (words);
