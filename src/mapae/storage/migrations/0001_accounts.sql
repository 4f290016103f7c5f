-- Accounts, the names they sign in with, and their passwords.

-- The e-mail is repeated here to be shown; what makes it unique is its row in `identity`, so that the two tables can
-- lie on different nodes one day.
CREATE TABLE account (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    language TEXT NOT NULL
);

CREATE INDEX account_by_creation ON account (created_ms, id);

CREATE TABLE identity (
    identifier TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL
);

CREATE INDEX identity_by_account ON identity (account_id);

CREATE TABLE password (
    account_id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    changed_ms BIGINT
);
