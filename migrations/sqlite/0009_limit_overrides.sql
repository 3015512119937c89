-- Exceptions from the limits of requests, each for one subject in one tier until a time.
CREATE TABLE limit_overrides (
    tier       TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    per_second INTEGER NOT NULL CHECK (per_second >= 1),
    burst      INTEGER NOT NULL CHECK (burst >= 1),
    expires    INTEGER NOT NULL CHECK (expires >= 0),
    created    INTEGER NOT NULL CHECK (created >= 0),
    PRIMARY KEY (tier, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX limit_overrides_by_expiry ON limit_overrides (expires);
