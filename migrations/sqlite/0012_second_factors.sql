-- What users show beside a password: codes of an app, recovery codes, passkeys. `users.totp` holds the encrypted secret, and
-- counts from `totp_since`, when its user first showed a code of it. A session knows whether two factors were shown in it.
ALTER TABLE users ADD COLUMN totp_since INTEGER CHECK (totp_since >= 0);

ALTER TABLE sessions ADD COLUMN two_factors INTEGER NOT NULL DEFAULT 0 CHECK (two_factors IN (0, 1));

CREATE TABLE recovery_codes (
    user_id TEXT    NOT NULL REFERENCES users (id),
    mac     BLOB    NOT NULL CHECK (length(mac) = 32),
    pepper  INTEGER NOT NULL CHECK (pepper >= 0),
    PRIMARY KEY (user_id, mac)
) STRICT, WITHOUT ROWID;

CREATE TABLE passkeys (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL REFERENCES users (id),
    label      TEXT    NOT NULL,
    public_key BLOB    NOT NULL,
    sign_count INTEGER NOT NULL CHECK (sign_count >= 0),
    created    INTEGER NOT NULL CHECK (created >= 0),
    used       INTEGER CHECK (used >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX passkeys_of_user ON passkeys (user_id, id);

-- Challenges that were answered, until nobody can answer them again.
CREATE TABLE used_challenges (
    nonce   TEXT    NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL CHECK (expires >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX used_challenges_by_expiry ON used_challenges (expires);
