-- Jobs that were not done are not done.
DROP TABLE job_queues;
DROP TABLE jobs;
