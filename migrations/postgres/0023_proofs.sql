-- Keys that proofs are checked with, registered by operators.
CREATE TABLE verification_keys (
    project TEXT COLLATE "C" NOT NULL,
    digest  BYTEA    NOT NULL CHECK (length(digest) = 32),
    system  TEXT COLLATE "C" NOT NULL,
    label   TEXT COLLATE "C" NOT NULL,
    bytes   BYTEA    NOT NULL,
    actor   TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL CHECK (created >= 0),
    PRIMARY KEY (project, digest)
);

-- What came of proofs that were handed in, each once for a task and a key.
CREATE TABLE checked_proofs (
    project          TEXT COLLATE "C" NOT NULL,
    digest           BYTEA    NOT NULL CHECK (length(digest) = 32),
    task             TEXT COLLATE "C" NOT NULL,
    verification_key BYTEA    NOT NULL CHECK (length(verification_key) = 32),
    statement        BYTEA    NOT NULL CHECK (length(statement) = 32),
    valid            BIGINT NOT NULL CHECK (valid IN (0, 1)),
    actor            TEXT COLLATE "C" NOT NULL,
    checked          BIGINT NOT NULL CHECK (checked >= 0),
    PRIMARY KEY (project, digest, task, verification_key)
);

CREATE INDEX checked_proofs_of_task ON checked_proofs (project, task, checked, digest);
