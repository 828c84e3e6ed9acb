-- `username` is what they chose to be called. `profile` is what they have said of themselves, one JSON object, and
-- `profile_key` the id of the key that it is encrypted with; none where it is plain.
ALTER TABLE users ADD COLUMN username TEXT;
ALTER TABLE users ADD COLUMN profile TEXT;
ALTER TABLE users ADD COLUMN profile_key TEXT;

-- Only hashes are kept here: of passwords, of codes and of refresh tokens. A user who signs in elsewhere, or by tokens
-- that an operator issues, has no password.
CREATE TABLE credentials (
    user_id       BLOB    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    password_hash TEXT    NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Codes that went out by mail. `tries` is how often was guessed while the code was live, right or wrong. A sign-up has
-- no user yet: what its account will be stands here.
CREATE TABLE verification_codes (
    id            BLOB    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL,
    purpose       TEXT    NOT NULL,
    hash          BLOB    NOT NULL,
    tries         INTEGER NOT NULL DEFAULT 0,
    password_hash TEXT,
    username      TEXT,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX verification_codes_by_email ON verification_codes (email, purpose);
CREATE INDEX verification_codes_by_end ON verification_codes (expires_at);

-- A token that was used stays until it expires, so that it is known when it comes again.
CREATE TABLE refresh_tokens (
    hash       BLOB    NOT NULL PRIMARY KEY,
    grant_id   BLOB    NOT NULL,
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);

-- Sign-ins that were ended: access tokens name the grant, and are refused while it stands here. At `until` the last of
-- them is over by itself.
CREATE TABLE revoked_tokens (
    grant_id   BLOB    NOT NULL PRIMARY KEY,
    user_id    BLOB    NOT NULL,
    revoked_at INTEGER NOT NULL,
    until      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX revoked_tokens_by_time ON revoked_tokens (revoked_at);
CREATE INDEX revoked_tokens_by_end ON revoked_tokens (until);

-- How often something happened in a window of time that ends at `until`.
CREATE TABLE counts (
    key   TEXT    NOT NULL PRIMARY KEY,
    times INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX counts_by_end ON counts (until);

-- Who a subject of another issuer is here.
CREATE TABLE identities (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

-- Who did what of consequence. No reference to users: the log outlives their accounts. Ids rise with time.
CREATE TABLE audit_log (
    id      BLOB    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   BLOB,
    account TEXT,
    address TEXT,
    action  TEXT    NOT NULL,
    subject TEXT,
    outcome TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_log_by_actor ON audit_log (actor, id) WHERE actor IS NOT NULL;
CREATE INDEX audit_log_by_action ON audit_log (action, id);
CREATE INDEX audit_log_by_time ON audit_log (at);

-- It only grows, whoever writes to it.
CREATE TRIGGER audit_log_keeps_what_it_says BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;

CREATE TRIGGER audit_log_keeps_its_entries BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;

-- INSERT OR REPLACE would take the old row away without the triggers above. An entry that is there stays as it is, and
-- may be brought again by who does not know whether it got there.
CREATE TRIGGER audit_log_replaces_nothing BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN
    SELECT RAISE(IGNORE);
END;
