-- The gate before the sign-in: one row for how far the waiting line is let in, and what the nodes have counted.

-- Numbers of people and rates are in thousandths. `version` is raised by every change, so that of several nodes that
-- decide at the same moment exactly one succeeds.
CREATE TABLE gate (
    id BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    mode TEXT NOT NULL,
    opens_ms BIGINT,
    tau BIGINT NOT NULL,
    next_tau BIGINT NOT NULL,
    next_from_ms BIGINT NOT NULL,
    allowed BIGINT NOT NULL,
    called BIGINT NOT NULL,
    typing BIGINT NOT NULL,
    passed BIGINT NOT NULL,
    shown BIGINT NOT NULL,
    typed_ms BIGINT NOT NULL,
    form BIGINT NOT NULL,
    rate BIGINT NOT NULL,
    pace BIGINT NOT NULL,
    ticked_ms BIGINT NOT NULL
);

INSERT INTO gate (id, version, mode, tau, next_tau, next_from_ms, allowed, called, typing, passed, shown, typed_ms,
    form, rate, pace, ticked_ms)
VALUES (0, 0, 'open', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

-- How many people a node has given a place in a tenth of a second; only ever grows.
CREATE TABLE gate_arrival (
    node TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    people BIGINT NOT NULL,
    written_ms BIGINT NOT NULL,
    PRIMARY KEY (node, bucket)
);

CREATE INDEX gate_arrival_by_writing ON gate_arrival (written_ms);

-- What a node has measured last.
CREATE TABLE gate_report (
    node TEXT NOT NULL PRIMARY KEY,
    seen_ms BIGINT NOT NULL,
    capacity BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    idle BIGINT NOT NULL,
    room BIGINT NOT NULL,
    passed BIGINT NOT NULL,
    shown BIGINT NOT NULL,
    typed_ms BIGINT NOT NULL
);

-- Tickets that somebody has signed in with: they work once.
CREATE TABLE gate_spent (
    number TEXT NOT NULL PRIMARY KEY,
    until_ms BIGINT NOT NULL
);

CREATE INDEX gate_spent_by_end ON gate_spent (until_ms);
