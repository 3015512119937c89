-- Which peppers hashes were made under. The check tells one pepper from another and nothing of either, so that a node that
-- came with another one is refused instead of refusing everybody.
CREATE TABLE peppers (
    version INTEGER NOT NULL PRIMARY KEY CHECK (version >= 1),
    pepper_check BLOB NOT NULL CHECK (length(pepper_check) = 32),
    noted   INTEGER NOT NULL CHECK (noted >= 0),
    retired INTEGER CHECK (retired >= 0)
) STRICT;
