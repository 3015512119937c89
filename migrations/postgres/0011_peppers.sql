-- Which peppers hashes were made under. The check tells one pepper from another and nothing of either, so that a node that
-- came with another one is refused instead of refusing everybody.
CREATE TABLE peppers (
    version BIGINT NOT NULL PRIMARY KEY CHECK (version >= 1),
    pepper_check BYTEA NOT NULL CHECK (octet_length(pepper_check) = 32),
    noted   BIGINT NOT NULL CHECK (noted >= 0),
    retired BIGINT CHECK (retired >= 0)
);
