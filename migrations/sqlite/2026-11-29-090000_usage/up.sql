-- What all users together have used in a time is asked of the books by that time.
CREATE INDEX attempts_by_time ON attempts (started_at);
