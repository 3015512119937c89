-- Answers to requests that must not be carried out twice, by the key that their sender chose. The row of a holder counts what
-- is kept for it, and is what its requests take turns by.
CREATE TABLE idempotency_holders (
    project   TEXT    NOT NULL,
    principal TEXT    NOT NULL,
    keys      INTEGER NOT NULL CHECK (keys >= 0),
    bytes     INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (project, principal)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    project     TEXT    NOT NULL,
    principal   TEXT    NOT NULL,
    key         BLOB    NOT NULL CHECK (length(key) = 32),
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    request     TEXT    NOT NULL,
    lease_until INTEGER NOT NULL CHECK (lease_until >= 0),
    created     INTEGER NOT NULL CHECK (created >= 0),
    expires     INTEGER NOT NULL CHECK (expires >= 0),
    answer      BLOB,
    bytes       INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    PRIMARY KEY (project, principal, key)
) STRICT;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (project, principal, created) WHERE answer IS NOT NULL;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires);
