-- Work that is done in the background. `payload` is what is to be done and `result` what came of it, both JSON, and the
-- columns beside them name the keys that they are encrypted with; none where they are plain. `fence` rises with each
-- claim: a runner's hold on a job is good while it has the fence that the runner was given. `code` is why it failed the
-- last time. A row may be large, and so the table keeps its rows by number.
CREATE TABLE jobs (
    id          BLOB    NOT NULL PRIMARY KEY,
    user_id     BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    progress    INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    fence       INTEGER NOT NULL DEFAULT 0,
    node        BLOB,
    lease_until INTEGER,
    due_at      INTEGER NOT NULL,
    client_id   TEXT,
    payload     TEXT    NOT NULL,
    payload_key TEXT,
    result      TEXT,
    result_key  TEXT,
    code        TEXT,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;

CREATE INDEX jobs_by_user ON jobs (user_id, id);
CREATE UNIQUE INDEX jobs_by_client_id ON jobs (user_id, client_id) WHERE client_id IS NOT NULL;
-- A user's oldest job that waits, and when their next one is due.
CREATE INDEX jobs_waiting ON jobs (user_id, id, due_at) WHERE state = 'waiting';
CREATE INDEX jobs_due ON jobs (user_id, due_at) WHERE state = 'waiting';
CREATE INDEX jobs_active ON jobs (lease_until) WHERE state = 'active';
CREATE INDEX jobs_failed ON jobs (id) WHERE state = 'failed';
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

-- Whose turn it is. `turn` rises over all users with each job that is taken: the next one is of the user with the lowest.
-- `due_at` is when the first of the user's jobs that wait is due; nothing where none waits.
CREATE TABLE job_queues (
    user_id BLOB    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    turn    INTEGER NOT NULL DEFAULT 0,
    due_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX job_queues_by_turn ON job_queues (turn);
CREATE INDEX job_queues_due ON job_queues (turn, user_id) WHERE due_at IS NOT NULL;
