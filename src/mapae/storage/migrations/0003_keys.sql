-- Signing keys: the public part, the sealed private part, and the days of their life.

-- `follows` is the kid of the key before it, empty for the first. It is unique, so that of several nodes that make
-- the next key at the same moment exactly one succeeds.
CREATE TABLE signing_key (
    kid TEXT NOT NULL PRIMARY KEY,
    follows TEXT NOT NULL UNIQUE,
    alg TEXT NOT NULL,
    public TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    sign_from_ms BIGINT NOT NULL,
    sign_until_ms BIGINT,
    destroy_ms BIGINT
);
