-- What a token says of the account, kept with the session, so that a refresh touches one row of one table. What changes
-- either ends all sessions of the account in the same transaction, so that these of a live session are the account's.
-- They are NULL in sessions of an older program, which reads and writes on while nodes are upgraded one by one.
ALTER TABLE session ADD COLUMN epoch BIGINT;

ALTER TABLE session ADD COLUMN role TEXT;
