-- Proofs of names that peers have sent, and those of this node's own: a copy of what proves itself.
CREATE TABLE peer_proofs (
    place    BLOB    NOT NULL PRIMARY KEY CHECK (length(place) = 32),
    proof    BLOB    NOT NULL,
    -- When it was last sent.
    received INTEGER NOT NULL CHECK (received >= 0)
) STRICT, WITHOUT ROWID;

-- Up to where a log was followed, or published, and when that was all there was.
CREATE TABLE log_positions (
    log      TEXT    NOT NULL PRIMARY KEY,
    next     INTEGER NOT NULL CHECK (next >= 0),
    complete INTEGER NOT NULL CHECK (complete >= 0)
) STRICT, WITHOUT ROWID;

-- Versions of names in the order of the log that has them.
CREATE INDEX name_versions_logged ON name_versions (origin, entry) WHERE record IS NOT NULL;
