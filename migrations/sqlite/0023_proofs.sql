-- Keys that proofs are checked with, registered by operators.
CREATE TABLE verification_keys (
    project TEXT    NOT NULL,
    digest  BLOB    NOT NULL CHECK (length(digest) = 32),
    system  TEXT    NOT NULL,
    label   TEXT    NOT NULL,
    bytes   BLOB    NOT NULL,
    actor   TEXT    NOT NULL,
    created INTEGER NOT NULL CHECK (created >= 0),
    PRIMARY KEY (project, digest)
) STRICT, WITHOUT ROWID;

-- What came of proofs that were handed in, each once for a task and a key.
CREATE TABLE checked_proofs (
    project          TEXT    NOT NULL,
    digest           BLOB    NOT NULL CHECK (length(digest) = 32),
    task             TEXT    NOT NULL,
    verification_key BLOB    NOT NULL CHECK (length(verification_key) = 32),
    statement        BLOB    NOT NULL CHECK (length(statement) = 32),
    valid            INTEGER NOT NULL CHECK (valid IN (0, 1)),
    actor            TEXT    NOT NULL,
    checked          INTEGER NOT NULL CHECK (checked >= 0),
    PRIMARY KEY (project, digest, task, verification_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX checked_proofs_of_task ON checked_proofs (project, task, checked, digest);
