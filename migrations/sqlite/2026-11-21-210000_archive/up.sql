-- `attached` is what is kept beside the text, JSON. It may be large, and only the reads that need it name it.
ALTER TABLE messages ADD COLUMN attached TEXT;

-- What was answered to a message. Only assistants' messages are in it: a user's costs nothing.
CREATE INDEX messages_replies ON messages (conversation_id, in_reply_to, seq)
    WHERE in_reply_to IS NOT NULL;

-- Few conversations are deleted: those that are due to be removed are found here.
CREATE INDEX conversations_deleted ON conversations (deleted_at) WHERE deleted_at IS NOT NULL;

-- Search looks into an index of words that no append touches: whoever searches first enters what is missing.
-- `indexed_seq` is the entry up to which the index has everything; -1: not even the title. Whoever changes a title sets
-- it back to -1.
ALTER TABLE conversations ADD COLUMN indexed_seq INTEGER NOT NULL DEFAULT -1;

-- The rows of the index: which message each is of; `seq` 0 is the title. Texts without words have none.
CREATE TABLE search_entries (
    id              INTEGER NOT NULL PRIMARY KEY,
    conversation_id BLOB    NOT NULL,
    seq             INTEGER NOT NULL,
    UNIQUE (conversation_id, seq)
) STRICT;

-- Their words under the same ids; the texts themselves are in the log alone. We cut texts into words ourselves, in
-- lower case and with spaces between them: of the tokenizers only `ascii` takes every character beyond ASCII as it is.
CREATE VIRTUAL TABLE search_words USING fts5 (words, content = '', contentless_delete = 1, tokenize = 'ascii');
