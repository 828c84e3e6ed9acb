-- The same changes as in migrations/sqlite: the comments there hold here too. Room ids are listed in the order of
-- their bytes, whatever the database's own order is.
ALTER TABLE conversations
    ADD COLUMN room_id    text COLLATE "C",
    ADD COLUMN room_kind  text,
    ADD COLUMN ai_mode    text,
    ADD COLUMN deleted_at timestamptz;

CREATE UNIQUE INDEX conversations_by_room ON conversations (room_id)
    WHERE room_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX conversations_shared ON conversations (room_id) WHERE room_kind = 'shared' AND deleted_at IS NULL;

ALTER TABLE participants
    ADD COLUMN visible_after bigint NOT NULL DEFAULT 0,
    ADD COLUMN delivered_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN read_seq      bigint NOT NULL DEFAULT 0;

UPDATE participants SET delivered_seq = last_seq, read_seq = last_seq
    FROM conversations WHERE conversations.id = participants.conversation_id;

-- Watermarks move often and stand in no index: with room on the page they are heap-only updates.
ALTER TABLE participants SET (fillfactor = 70);
CREATE INDEX participants_by_user ON participants (user_id, conversation_id);

ALTER TABLE messages
    ADD COLUMN author_name text,
    ADD COLUMN edited_at   timestamptz,
    ADD COLUMN deleted_at  timestamptz,
    ADD COLUMN reactions   text,
    ADD COLUMN cost_nano   bigint,
    ADD COLUMN elapsed_ms  bigint;

CREATE INDEX messages_changed ON messages (conversation_id, changed_seq) WHERE changed_seq <> seq;
