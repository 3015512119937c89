-- Users, the roles that they have in projects, and sessions that end with them. Keys gain an owner, limits of their own and
-- a second secret while they are exchanged. A role is a name now: what it stands for is in the program or in `roles`.
CREATE TABLE users (
    id               TEXT    NOT NULL PRIMARY KEY,
    name             TEXT    NOT NULL,
    kind             TEXT    NOT NULL CHECK (kind IN ('person', 'service')),
    password         TEXT,
    password_changed INTEGER CHECK (password_changed >= 0),
    totp             BLOB,
    totp_step        INTEGER CHECK (totp_step >= 0),
    created          INTEGER NOT NULL CHECK (created >= 0),
    blocked          INTEGER CHECK (blocked >= 0),
    CHECK ((password IS NULL) = (password_changed IS NULL)),
    CHECK (kind = 'person' OR password IS NULL)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX users_by_name ON users (name);

CREATE TABLE members (
    project TEXT    NOT NULL,
    user_id TEXT    NOT NULL REFERENCES users (id),
    role    TEXT    NOT NULL,
    created INTEGER NOT NULL CHECK (created >= 0),
    PRIMARY KEY (project, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_of_user ON members (user_id, project);
CREATE INDEX members_with_role ON members (project, role);

CREATE TABLE roles (
    project TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    scopes  TEXT    NOT NULL,
    created INTEGER NOT NULL CHECK (created >= 0),
    PRIMARY KEY (project, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE invitations (
    id      TEXT    NOT NULL PRIMARY KEY,
    project TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    pepper  INTEGER NOT NULL CHECK (pepper >= 0),
    mac     BLOB    NOT NULL CHECK (length(mac) = 32),
    created INTEGER NOT NULL CHECK (created >= 0),
    expires INTEGER NOT NULL CHECK (expires >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_of_project ON invitations (project, id);
CREATE INDEX invitations_by_expiry ON invitations (expires);

CREATE TABLE api_keys_of_owners (
    id                  TEXT    NOT NULL PRIMARY KEY,
    project             TEXT    NOT NULL,
    label               TEXT    NOT NULL,
    role                TEXT    NOT NULL,
    scopes              TEXT    NOT NULL,
    pepper              INTEGER NOT NULL CHECK (pepper >= 0),
    mac                 BLOB    NOT NULL CHECK (length(mac) = 32),
    former_pepper       INTEGER CHECK (former_pepper >= 0),
    former_mac          BLOB    CHECK (length(former_mac) = 32),
    former_until        INTEGER CHECK (former_until >= 0),
    user_id             TEXT    REFERENCES users (id),
    networks            TEXT    NOT NULL DEFAULT '',
    requests_per_second INTEGER CHECK (requests_per_second >= 1),
    requests_burst      INTEGER CHECK (requests_burst >= 1),
    created             INTEGER NOT NULL CHECK (created >= 0),
    expires             INTEGER CHECK (expires >= 0),
    revoked             INTEGER CHECK (revoked >= 0),
    used                INTEGER CHECK (used >= 0),
    CHECK ((former_mac IS NULL) = (former_pepper IS NULL) AND (former_mac IS NULL) = (former_until IS NULL)),
    CHECK ((requests_per_second IS NULL) = (requests_burst IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO api_keys_of_owners (id, project, label, role, scopes, pepper, mac, created, expires, revoked)
    SELECT id, project, label, role, scopes, pepper, mac, created, expires, revoked FROM api_keys;

CREATE TABLE sessions_of_users (
    id      TEXT    NOT NULL PRIMARY KEY,
    project TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    scopes  TEXT    NOT NULL,
    key_id  TEXT    REFERENCES api_keys_of_owners (id),
    user_id TEXT    REFERENCES users (id),
    pepper  INTEGER NOT NULL CHECK (pepper >= 0),
    mac     BLOB    NOT NULL CHECK (length(mac) = 32),
    created INTEGER NOT NULL CHECK (created >= 0),
    expires INTEGER NOT NULL CHECK (expires >= 0),
    client  TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

INSERT INTO sessions_of_users (id, project, role, scopes, key_id, pepper, mac, created, expires)
    SELECT id, project, role, scopes, key_id, pepper, mac, created, expires FROM sessions;

DROP TABLE sessions;
DROP TABLE api_keys;
ALTER TABLE api_keys_of_owners RENAME TO api_keys;
ALTER TABLE sessions_of_users RENAME TO sessions;

CREATE INDEX api_keys_of_project ON api_keys (project, id);
CREATE INDEX api_keys_with_role ON api_keys (project, role);
CREATE INDEX api_keys_of_user ON api_keys (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires);
CREATE INDEX sessions_of_user ON sessions (user_id, id) WHERE user_id IS NOT NULL;

-- One row for each token of a session's family that can still be told from a stranger's: the newest, and those before it.
CREATE TABLE refresh_tokens (
    id        TEXT    NOT NULL PRIMARY KEY,
    session   TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    pepper    INTEGER NOT NULL CHECK (pepper >= 0),
    mac       BLOB    NOT NULL CHECK (length(mac) = 32),
    created   INTEGER NOT NULL CHECK (created >= 0),
    used      INTEGER CHECK (used >= 0),
    successor TEXT,
    CHECK ((used IS NULL) = (successor IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session, id);
