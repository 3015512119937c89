-- Users, the roles that they have in projects, and sessions that end with them. Keys gain an owner, limits of their own and
-- a second secret while they are exchanged. A role is a name now: what it stands for is in the program or in `roles`.
CREATE TABLE users (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name             TEXT COLLATE "C" NOT NULL,
    kind             TEXT COLLATE "C" NOT NULL CHECK (kind IN ('person', 'service')),
    password         TEXT COLLATE "C",
    password_changed BIGINT CHECK (password_changed >= 0),
    totp             BYTEA,
    totp_step        BIGINT CHECK (totp_step >= 0),
    created          BIGINT NOT NULL CHECK (created >= 0),
    blocked          BIGINT CHECK (blocked >= 0),
    CHECK ((password IS NULL) = (password_changed IS NULL)),
    CHECK (kind = 'person' OR password IS NULL)
);

CREATE UNIQUE INDEX users_by_name ON users (name);

CREATE TABLE members (
    project TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    role    TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL CHECK (created >= 0),
    PRIMARY KEY (project, user_id)
);

CREATE INDEX members_of_user ON members (user_id, project);
CREATE INDEX members_with_role ON members (project, role);

CREATE TABLE roles (
    project TEXT COLLATE "C" NOT NULL,
    role    TEXT COLLATE "C" NOT NULL,
    scopes  TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL CHECK (created >= 0),
    PRIMARY KEY (project, role)
);

CREATE TABLE invitations (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project TEXT COLLATE "C" NOT NULL,
    role    TEXT COLLATE "C" NOT NULL,
    pepper  BIGINT NOT NULL CHECK (pepper >= 0),
    mac     BYTEA NOT NULL CHECK (octet_length(mac) = 32),
    created BIGINT NOT NULL CHECK (created >= 0),
    expires BIGINT NOT NULL CHECK (expires >= 0)
);

CREATE INDEX invitations_of_project ON invitations (project, id);
CREATE INDEX invitations_by_expiry ON invitations (expires);

CREATE TABLE api_keys_of_owners (
    id                  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project             TEXT COLLATE "C" NOT NULL,
    label               TEXT COLLATE "C" NOT NULL,
    role                TEXT COLLATE "C" NOT NULL,
    scopes              TEXT COLLATE "C" NOT NULL,
    pepper              BIGINT NOT NULL CHECK (pepper >= 0),
    mac                 BYTEA NOT NULL CHECK (octet_length(mac) = 32),
    former_pepper       BIGINT CHECK (former_pepper >= 0),
    former_mac          BYTEA CHECK (octet_length(former_mac) = 32),
    former_until        BIGINT CHECK (former_until >= 0),
    user_id             TEXT COLLATE "C" REFERENCES users (id),
    networks            TEXT COLLATE "C" NOT NULL DEFAULT '',
    requests_per_second BIGINT CHECK (requests_per_second >= 1),
    requests_burst      BIGINT CHECK (requests_burst >= 1),
    created             BIGINT NOT NULL CHECK (created >= 0),
    expires             BIGINT CHECK (expires >= 0),
    revoked             BIGINT CHECK (revoked >= 0),
    used                BIGINT CHECK (used >= 0),
    CHECK ((former_mac IS NULL) = (former_pepper IS NULL) AND (former_mac IS NULL) = (former_until IS NULL)),
    CHECK ((requests_per_second IS NULL) = (requests_burst IS NULL))
);

INSERT INTO api_keys_of_owners (id, project, label, role, scopes, pepper, mac, created, expires, revoked)
    SELECT id, project, label, role, scopes, pepper, mac, created, expires, revoked FROM api_keys;

CREATE TABLE sessions_of_users (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project TEXT COLLATE "C" NOT NULL,
    role    TEXT COLLATE "C" NOT NULL,
    scopes  TEXT COLLATE "C" NOT NULL,
    key_id  TEXT COLLATE "C" REFERENCES api_keys_of_owners (id),
    user_id TEXT COLLATE "C" REFERENCES users (id),
    pepper  BIGINT NOT NULL CHECK (pepper >= 0),
    mac     BYTEA NOT NULL CHECK (octet_length(mac) = 32),
    created BIGINT NOT NULL CHECK (created >= 0),
    expires BIGINT NOT NULL CHECK (expires >= 0),
    client  TEXT COLLATE "C" NOT NULL DEFAULT ''
);

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
    id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    session   TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    pepper    BIGINT NOT NULL CHECK (pepper >= 0),
    mac       BYTEA NOT NULL CHECK (octet_length(mac) = 32),
    created   BIGINT NOT NULL CHECK (created >= 0),
    used      BIGINT CHECK (used >= 0),
    successor TEXT COLLATE "C",
    CHECK ((used IS NULL) = (successor IS NULL))
);

CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session, id);
