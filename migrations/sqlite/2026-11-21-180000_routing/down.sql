-- What was used is forgotten, and budgets begin anew.
DROP TABLE balances;
DROP TABLE reservations;
DROP TABLE attempts;

ALTER TABLE messages DROP COLUMN confidence;
ALTER TABLE messages DROP COLUMN backend;
ALTER TABLE messages DROP COLUMN content_type;
