DROP INDEX conversations_by_assistant;
ALTER TABLE conversations DROP COLUMN assistant_id;
DROP TABLE assistants;
