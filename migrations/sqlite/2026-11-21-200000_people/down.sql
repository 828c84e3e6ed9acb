-- Accounts are left without passwords, sign-ins that were ended are good again until their tokens are over, and the
-- audit log is gone.
DROP TABLE audit_log;
DROP TABLE identities;
DROP TABLE counts;
DROP TABLE revoked_tokens;
DROP TABLE refresh_tokens;
DROP TABLE verification_codes;
DROP TABLE credentials;

ALTER TABLE users DROP COLUMN profile_key;
ALTER TABLE users DROP COLUMN profile;
ALTER TABLE users DROP COLUMN username;
