DROP TABLE search_words;
DROP TABLE search_entries;
ALTER TABLE conversations DROP COLUMN indexed_seq;
DROP INDEX conversations_deleted;
DROP INDEX messages_replies;
ALTER TABLE messages DROP COLUMN attached;
