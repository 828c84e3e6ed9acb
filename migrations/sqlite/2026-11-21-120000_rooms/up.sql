-- A room is a conversation with an id of the client's choice. `ai_mode` is there where it was said. A deleted
-- conversation keeps its rows, and its room id is free for another.
ALTER TABLE conversations ADD COLUMN room_id TEXT;
ALTER TABLE conversations ADD COLUMN room_kind TEXT;
ALTER TABLE conversations ADD COLUMN ai_mode TEXT;
ALTER TABLE conversations ADD COLUMN deleted_at INTEGER;

CREATE UNIQUE INDEX conversations_by_room ON conversations (room_id)
    WHERE room_id IS NOT NULL AND deleted_at IS NULL;
-- The shared rooms are listed for everybody, in this order.
CREATE INDEX conversations_shared ON conversations (room_id) WHERE room_kind = 'shared' AND deleted_at IS NULL;

-- Entries up to `visible_after` are hidden from them. Up to `delivered_seq` everything has reached a client of theirs;
-- `read_seq` is never above it. The role `removed` is that of somebody who may not come back by themselves.
ALTER TABLE participants ADD COLUMN visible_after INTEGER NOT NULL DEFAULT 0;
ALTER TABLE participants ADD COLUMN delivered_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE participants ADD COLUMN read_seq INTEGER NOT NULL DEFAULT 0;

-- What was said before there were watermarks has long been seen.
UPDATE participants SET (delivered_seq, read_seq) =
    (SELECT last_seq, last_seq FROM conversations WHERE id = participants.conversation_id);

CREATE INDEX participants_by_user ON participants (user_id, conversation_id);

-- `author_name` is what the author was called then. `reactions` is JSON, [{"emoji":…,"users":[…]}], none where nobody
-- reacted. `cost_nano`, billionths of a dollar, and `elapsed_ms` are an assistant message's own.
ALTER TABLE messages ADD COLUMN author_name TEXT;
ALTER TABLE messages ADD COLUMN edited_at INTEGER;
ALTER TABLE messages ADD COLUMN deleted_at INTEGER;
ALTER TABLE messages ADD COLUMN reactions TEXT;
ALTER TABLE messages ADD COLUMN cost_nano INTEGER;
ALTER TABLE messages ADD COLUMN elapsed_ms INTEGER;

-- Few messages are ever changed: those who have read the log find the changes here, and a new message costs nothing.
CREATE INDEX messages_changed ON messages (conversation_id, changed_seq) WHERE changed_seq <> seq;
