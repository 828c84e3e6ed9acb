-- Without these columns what was deleted would be found again, and who was removed would be a participant.
DELETE FROM messages WHERE conversation_id IN (SELECT id FROM conversations WHERE deleted_at IS NOT NULL);
DELETE FROM conversations WHERE deleted_at IS NOT NULL;
DELETE FROM participants WHERE role = 'removed';

DROP INDEX messages_changed;
ALTER TABLE messages DROP COLUMN elapsed_ms;
ALTER TABLE messages DROP COLUMN cost_nano;
ALTER TABLE messages DROP COLUMN reactions;
ALTER TABLE messages DROP COLUMN deleted_at;
ALTER TABLE messages DROP COLUMN edited_at;
ALTER TABLE messages DROP COLUMN author_name;

DROP INDEX participants_by_user;
ALTER TABLE participants DROP COLUMN read_seq;
ALTER TABLE participants DROP COLUMN delivered_seq;
ALTER TABLE participants DROP COLUMN visible_after;

DROP INDEX conversations_shared;
DROP INDEX conversations_by_room;
ALTER TABLE conversations DROP COLUMN deleted_at;
ALTER TABLE conversations DROP COLUMN ai_mode;
ALTER TABLE conversations DROP COLUMN room_kind;
ALTER TABLE conversations DROP COLUMN room_id;
