-- Proofs of names that peers have sent, and those of this node's own: a copy of what proves itself.
CREATE TABLE peer_proofs (
    place    BYTEA  NOT NULL PRIMARY KEY CHECK (length(place) = 32),
    proof    BYTEA  NOT NULL,
    -- When it was last sent.
    received BIGINT NOT NULL CHECK (received >= 0)
);

-- Up to where a log was followed, or published, and when that was all there was.
CREATE TABLE log_positions (
    log      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    next     BIGINT NOT NULL CHECK (next >= 0),
    complete BIGINT NOT NULL CHECK (complete >= 0)
);

-- Versions of names in the order of the log that has them.
CREATE INDEX name_versions_logged ON name_versions (origin, entry) WHERE record IS NOT NULL;
