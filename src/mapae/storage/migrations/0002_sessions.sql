-- Sessions, and the feed that tells every node which of them have ended.

CREATE TABLE session (
    sid TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    current BYTEA NOT NULL,
    previous BYTEA,
    replay BYTEA,
    generation BIGINT NOT NULL,
    acknowledged BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    opened_ms BIGINT NOT NULL,
    rotated_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    idle_expires_ms BIGINT NOT NULL,
    absolute_expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    reason TEXT,
    device TEXT NOT NULL,
    place TEXT NOT NULL,
    jkt TEXT,
    sweep_day BIGINT NOT NULL
);

CREATE INDEX session_by_account ON session (account_id, sid);

-- Whole days, not milliseconds: a rotation moves the idle expiry every time, but this column at most once a day, so
-- that the index is left alone.
CREATE INDEX session_by_sweep_day ON session (sweep_day);

-- One number that every revocation raises inside its own transaction. The row lock makes revocations commit in the
-- order of their numbers, so that a reader who has seen n will never find something new at or below n.
CREATE TABLE feed_head (
    id BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
);

INSERT INTO feed_head (id, seq) VALUES (0, 0);

-- All entries of one transaction share its number.
CREATE TABLE feed (
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value BIGINT NOT NULL,
    until BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (seq, kind, key)
);

CREATE INDEX feed_by_end ON feed (until);
