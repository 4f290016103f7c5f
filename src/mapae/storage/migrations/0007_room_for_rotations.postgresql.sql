-- PostgreSQL writes a changed row anew. Where its page has room for it, the indexes need not be told; a page that was
-- filled to the last octet by new sessions has none, and the first refresh of each would then write into all of them.
ALTER TABLE session SET (fillfactor = 70);
