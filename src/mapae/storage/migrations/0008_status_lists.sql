-- Which places of the token status lists are taken, in blocks: a process claims a block and hands its places out to new
-- sessions from memory. Who comes second for a block is refused by the key, and tries another: there is no sequence.
CREATE TABLE status_block (
    block BIGINT NOT NULL,
    list BIGINT NOT NULL,
    free_ms BIGINT NOT NULL,
    PRIMARY KEY (block, list)
);
