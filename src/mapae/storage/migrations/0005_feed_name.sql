-- The feed gets a name, written at the first start and again when a backup is put back: positions in a feed of another
-- name mean nothing, so whoever follows it begins anew.
ALTER TABLE feed_head ADD COLUMN name TEXT NOT NULL DEFAULT '';
