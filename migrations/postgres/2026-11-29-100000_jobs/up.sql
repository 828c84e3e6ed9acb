-- The same tables as in migrations/sqlite: the comments there hold here too.
CREATE TABLE jobs (
    id          uuid        NOT NULL PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind        text        NOT NULL,
    state       text        NOT NULL,
    progress    integer     NOT NULL DEFAULT 0,
    attempts    bigint      NOT NULL DEFAULT 0,
    fence       bigint      NOT NULL DEFAULT 0,
    node        uuid,
    lease_until timestamptz,
    due_at      timestamptz NOT NULL,
    client_id   text,
    payload     text        NOT NULL,
    payload_key text,
    result      text,
    result_key  text,
    code        text,
    created_at  timestamptz NOT NULL,
    ended_at    timestamptz
);

CREATE INDEX jobs_by_user ON jobs (user_id, id);
CREATE UNIQUE INDEX jobs_by_client_id ON jobs (user_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX jobs_waiting ON jobs (user_id, id, due_at) WHERE state = 'waiting';
CREATE INDEX jobs_due ON jobs (user_id, due_at) WHERE state = 'waiting';
CREATE INDEX jobs_active ON jobs (lease_until) WHERE state = 'active';
CREATE INDEX jobs_failed ON jobs (id) WHERE state = 'failed';
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE job_queues (
    user_id uuid   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    turn    bigint NOT NULL DEFAULT 0,
    due_at  timestamptz
);

CREATE INDEX job_queues_by_turn ON job_queues (turn);
CREATE INDEX job_queues_due ON job_queues (turn, user_id) WHERE due_at IS NOT NULL;
