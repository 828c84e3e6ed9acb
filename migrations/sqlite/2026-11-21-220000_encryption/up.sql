-- Each of these names the key that the text beside it is encrypted with: `content`, `attached`, `title`, `content`. None:
-- it is as it was written. The title of a conversation that is encrypted has no folded form.
ALTER TABLE messages ADD COLUMN key_id TEXT;
ALTER TABLE messages ADD COLUMN attached_key TEXT;
ALTER TABLE conversations ADD COLUMN key_id TEXT;
ALTER TABLE turns ADD COLUMN key_id TEXT;

-- 1: `fingerprint` ends in a keyed hash, and not in the plain one that a stolen database could be searched with.
ALTER TABLE messages ADD COLUMN fingerprint_keyed INTEGER;

-- The keys that something here may be encrypted with. `proof` is a constant that was encrypted with the key: whoever
-- opens the database knows by it whether they have the same one.
CREATE TABLE encryption_keys (
    id    TEXT NOT NULL PRIMARY KEY,
    proof TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `fingerprints` is what the fingerprints of messages are keyed with, encrypted itself. It never becomes another one:
-- no resend of what is there would be recognised.
CREATE TABLE encryption_secrets (
    name   TEXT NOT NULL PRIMARY KEY,
    sealed TEXT NOT NULL,
    key_id TEXT NOT NULL REFERENCES encryption_keys (id)
) STRICT, WITHOUT ROWID;
