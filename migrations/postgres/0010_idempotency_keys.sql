-- Answers to requests that must not be carried out twice, by the key that their sender chose. The row of a holder counts what
-- is kept for it, and is what its requests take turns by.
CREATE TABLE idempotency_holders (
    project   TEXT COLLATE "C" NOT NULL,
    principal TEXT COLLATE "C" NOT NULL,
    keys      BIGINT NOT NULL CHECK (keys >= 0),
    bytes     BIGINT NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (project, principal)
);

CREATE TABLE idempotency_keys (
    project     TEXT COLLATE "C" NOT NULL,
    principal   TEXT COLLATE "C" NOT NULL,
    key         BYTEA NOT NULL CHECK (octet_length(key) = 32),
    fingerprint BYTEA NOT NULL CHECK (octet_length(fingerprint) = 32),
    request     TEXT COLLATE "C" NOT NULL,
    lease_until BIGINT NOT NULL CHECK (lease_until >= 0),
    created     BIGINT NOT NULL CHECK (created >= 0),
    expires     BIGINT NOT NULL CHECK (expires >= 0),
    answer      BYTEA,
    bytes       BIGINT NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    PRIMARY KEY (project, principal, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (project, principal, created) WHERE answer IS NOT NULL;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires);
