-- What users show beside a password: codes of an app, recovery codes, passkeys. `users.totp` holds the encrypted secret, and
-- counts from `totp_since`, when its user first showed a code of it. A session knows whether two factors were shown in it.
ALTER TABLE users ADD COLUMN totp_since BIGINT CHECK (totp_since >= 0);

ALTER TABLE sessions ADD COLUMN two_factors BIGINT NOT NULL DEFAULT 0 CHECK (two_factors IN (0, 1));

CREATE TABLE recovery_codes (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    mac     BYTEA NOT NULL CHECK (octet_length(mac) = 32),
    pepper  BIGINT NOT NULL CHECK (pepper >= 0),
    PRIMARY KEY (user_id, mac)
);

CREATE TABLE passkeys (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    label      TEXT COLLATE "C" NOT NULL,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL CHECK (sign_count >= 0),
    created    BIGINT NOT NULL CHECK (created >= 0),
    used       BIGINT CHECK (used >= 0)
);

CREATE INDEX passkeys_of_user ON passkeys (user_id, id);

-- Challenges that were answered, until nobody can answer them again.
CREATE TABLE used_challenges (
    nonce   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    expires BIGINT NOT NULL CHECK (expires >= 0)
);

CREATE INDEX used_challenges_by_expiry ON used_challenges (expires);
