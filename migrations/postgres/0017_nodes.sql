-- Machines that have joined and take tasks of their project. What they have done is counted since they joined.
CREATE TABLE nodes (
    id              TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    project         TEXT COLLATE "C"    NOT NULL,
    name            TEXT COLLATE "C"    NOT NULL,
    key             TEXT COLLATE "C"    NOT NULL REFERENCES api_keys (id),
    public_key      TEXT COLLATE "C"    NOT NULL,
    owner           TEXT COLLATE "C"    NOT NULL,
    labels          TEXT COLLATE "C"    NOT NULL,
    cores           BIGINT NOT NULL CHECK (cores >= 0),
    memory_bytes    BIGINT NOT NULL CHECK (memory_bytes >= 0),
    kvm             BIGINT NOT NULL CHECK (kvm IN (0, 1)),
    fuel_per_second BIGINT NOT NULL CHECK (fuel_per_second >= 0),
    state           TEXT COLLATE "C"    NOT NULL CHECK (state IN ('ready', 'draining', 'distrusted', 'removed')),
    created         BIGINT NOT NULL CHECK (created >= 0),
    seen            BIGINT NOT NULL CHECK (seen >= 0),
    completed       BIGINT NOT NULL DEFAULT 0 CHECK (completed >= 0),
    failed          BIGINT NOT NULL DEFAULT 0 CHECK (failed >= 0),
    lost            BIGINT NOT NULL DEFAULT 0 CHECK (lost >= 0),
    confirmed       BIGINT NOT NULL DEFAULT 0 CHECK (confirmed >= 0),
    refuted         BIGINT NOT NULL DEFAULT 0 CHECK (refuted >= 0),
    fuel            BIGINT NOT NULL DEFAULT 0 CHECK (fuel >= 0),
    run_ms          BIGINT NOT NULL DEFAULT 0 CHECK (run_ms >= 0)
);

CREATE INDEX nodes_of_project ON nodes (project, id) WHERE state <> 'removed';
CREATE UNIQUE INDEX nodes_by_key ON nodes (key);
CREATE UNIQUE INDEX nodes_by_name ON nodes (project, name) WHERE state <> 'removed';

-- By which machines join, each good once.
CREATE TABLE join_tokens (
    id      TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    project TEXT COLLATE "C"    NOT NULL,
    maker   TEXT COLLATE "C"    NOT NULL,
    labels  TEXT COLLATE "C"    NOT NULL,
    pepper  BIGINT NOT NULL CHECK (pepper >= 1),
    mac     BYTEA    NOT NULL CHECK (octet_length(mac) = 32),
    created BIGINT NOT NULL CHECK (created >= 0),
    expires BIGINT NOT NULL CHECK (expires >= 0)
);

CREATE INDEX join_tokens_of_project ON join_tokens (project, id);
CREATE INDEX join_tokens_to_expire ON join_tokens (expires);

-- The node that a lease is of, if it is one that has joined; and what a task wants of the node that runs it.
ALTER TABLE tasks ADD COLUMN lease_node TEXT COLLATE "C";
ALTER TABLE tasks ADD COLUMN place TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX tasks_ready_in_place ON tasks (place, precedence, turn, id) WHERE ready = 1;
CREATE INDEX tasks_ready_of_project ON tasks (project, place, precedence, turn, id) WHERE ready = 1;
