-- What happened, for people to read; failed attempts; one-time links.

CREATE TABLE activity (
    at_ms BIGINT NOT NULL,
    id TEXT NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    account_id TEXT,
    sid TEXT,
    device TEXT NOT NULL,
    place TEXT NOT NULL,
    reason TEXT,
    detail TEXT NOT NULL,
    PRIMARY KEY (at_ms, id)
);

CREATE INDEX activity_by_account ON activity (account_id, at_ms, id);

CREATE INDEX activity_by_event ON activity (event, at_ms, id);

CREATE TABLE attempt (
    subject TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    failed_ms BIGINT NOT NULL,
    forget_ms BIGINT NOT NULL
);

CREATE INDEX attempt_by_end ON attempt (forget_ms);

-- Only the SHA-256 of the token: whoever reads this table cannot use a link.
CREATE TABLE link (
    digest BYTEA NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    account_id TEXT,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT
);

CREATE INDEX link_by_account ON link (account_id);

CREATE INDEX link_by_end ON link (expires_ms);
