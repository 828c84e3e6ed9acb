-- What was used is forgotten, and budgets begin anew.
DROP TABLE balances;
DROP TABLE reservations;
DROP TABLE attempts;

ALTER TABLE messages DROP COLUMN confidence, DROP COLUMN backend, DROP COLUMN content_type;
