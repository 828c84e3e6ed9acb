-- The same changes as in migrations/sqlite: the comments there hold here too.
ALTER TABLE users
    ADD COLUMN username    text,
    ADD COLUMN profile     text,
    ADD COLUMN profile_key text;

CREATE TABLE credentials (
    user_id       uuid        NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    password_hash text        NOT NULL,
    updated_at    timestamptz NOT NULL
);

CREATE TABLE verification_codes (
    id            uuid        NOT NULL PRIMARY KEY,
    email         text        NOT NULL,
    purpose       text        NOT NULL,
    hash          bytea       NOT NULL,
    tries         bigint      NOT NULL DEFAULT 0,
    password_hash text,
    username      text,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
);

CREATE INDEX verification_codes_by_email ON verification_codes (email, purpose);
CREATE INDEX verification_codes_by_end ON verification_codes (expires_at);

CREATE TABLE refresh_tokens (
    hash       bytea       NOT NULL PRIMARY KEY,
    grant_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);

CREATE TABLE revoked_tokens (
    grant_id   uuid        NOT NULL PRIMARY KEY,
    user_id    uuid        NOT NULL,
    revoked_at timestamptz NOT NULL,
    until      timestamptz NOT NULL
);

CREATE INDEX revoked_tokens_by_time ON revoked_tokens (revoked_at);
CREATE INDEX revoked_tokens_by_end ON revoked_tokens (until);

-- Counts move often, and `until` only when a window opens: with room on the page they are heap-only updates.
CREATE TABLE counts (
    key   text        NOT NULL COLLATE "C" PRIMARY KEY,
    times bigint      NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX counts_by_end ON counts (until);

CREATE TABLE identities (
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE TABLE audit_log (
    id      uuid        NOT NULL PRIMARY KEY,
    at      timestamptz NOT NULL,
    actor   uuid,
    account text,
    address text,
    action  text        NOT NULL,
    subject text,
    outcome text        NOT NULL
);

CREATE INDEX audit_log_by_actor ON audit_log (actor, id) WHERE actor IS NOT NULL;
CREATE INDEX audit_log_by_action ON audit_log (action, id);
CREATE INDEX audit_log_by_time ON audit_log (at);

CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows';
END;
$$;

-- Also in a session that takes itself for a replica, where other triggers rest.
CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_only_grows;
