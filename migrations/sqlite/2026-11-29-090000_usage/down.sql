DROP INDEX attempts_by_time;
