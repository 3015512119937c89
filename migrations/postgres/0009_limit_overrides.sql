-- Exceptions from the limits of requests, each for one subject in one tier until a time.
CREATE TABLE limit_overrides (
    tier       TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    per_second BIGINT NOT NULL CHECK (per_second >= 1),
    burst      BIGINT NOT NULL CHECK (burst >= 1),
    expires    BIGINT NOT NULL CHECK (expires >= 0),
    created    BIGINT NOT NULL CHECK (created >= 0),
    PRIMARY KEY (tier, subject)
);

CREATE INDEX limit_overrides_by_expiry ON limit_overrides (expires);
