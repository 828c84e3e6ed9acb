-- Without these columns what was deleted would be found again, and who was removed would be a participant.
DELETE FROM messages WHERE conversation_id IN (SELECT id FROM conversations WHERE deleted_at IS NOT NULL);
DELETE FROM conversations WHERE deleted_at IS NOT NULL;
DELETE FROM participants WHERE role = 'removed';

-- Their indexes go with the columns.
ALTER TABLE messages
    DROP COLUMN elapsed_ms,
    DROP COLUMN cost_nano,
    DROP COLUMN reactions,
    DROP COLUMN deleted_at,
    DROP COLUMN edited_at,
    DROP COLUMN author_name;
DROP INDEX messages_changed;

DROP INDEX participants_by_user;
ALTER TABLE participants RESET (fillfactor);
ALTER TABLE participants DROP COLUMN read_seq, DROP COLUMN delivered_seq, DROP COLUMN visible_after;

ALTER TABLE conversations DROP COLUMN deleted_at, DROP COLUMN ai_mode, DROP COLUMN room_kind, DROP COLUMN room_id;
