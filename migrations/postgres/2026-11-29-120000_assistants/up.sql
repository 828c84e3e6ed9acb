-- The same as in migrations/sqlite: the comments there hold here too. Names are sorted by their bytes.
CREATE TABLE assistants (
    id           uuid             NOT NULL PRIMARY KEY,
    owner_id     uuid             NOT NULL,
    name         text COLLATE "C" NOT NULL,
    display_name text             NOT NULL,
    model        text,
    prompt       text             NOT NULL,
    prompt_key   text,
    temperature  double precision,
    max_tokens   bigint,
    created_at   timestamptz      NOT NULL,
    updated_at   timestamptz      NOT NULL
);

CREATE UNIQUE INDEX assistants_by_name ON assistants (owner_id, name);

ALTER TABLE conversations ADD COLUMN assistant_id uuid;

CREATE INDEX conversations_by_assistant ON conversations (assistant_id) WHERE assistant_id IS NOT NULL;
