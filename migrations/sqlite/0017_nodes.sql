-- Machines that have joined and take tasks of their project. What they have done is counted since they joined.
CREATE TABLE nodes (
    id              TEXT    NOT NULL PRIMARY KEY,
    project         TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    key             TEXT    NOT NULL REFERENCES api_keys (id),
    public_key      TEXT    NOT NULL,
    owner           TEXT    NOT NULL,
    labels          TEXT    NOT NULL,
    cores           INTEGER NOT NULL CHECK (cores >= 0),
    memory_bytes    INTEGER NOT NULL CHECK (memory_bytes >= 0),
    kvm             INTEGER NOT NULL CHECK (kvm IN (0, 1)),
    fuel_per_second INTEGER NOT NULL CHECK (fuel_per_second >= 0),
    state           TEXT    NOT NULL CHECK (state IN ('ready', 'draining', 'distrusted', 'removed')),
    created         INTEGER NOT NULL CHECK (created >= 0),
    seen            INTEGER NOT NULL CHECK (seen >= 0),
    completed       INTEGER NOT NULL DEFAULT 0 CHECK (completed >= 0),
    failed          INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    lost            INTEGER NOT NULL DEFAULT 0 CHECK (lost >= 0),
    confirmed       INTEGER NOT NULL DEFAULT 0 CHECK (confirmed >= 0),
    refuted         INTEGER NOT NULL DEFAULT 0 CHECK (refuted >= 0),
    fuel            INTEGER NOT NULL DEFAULT 0 CHECK (fuel >= 0),
    run_ms          INTEGER NOT NULL DEFAULT 0 CHECK (run_ms >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX nodes_of_project ON nodes (project, id) WHERE state <> 'removed';
CREATE UNIQUE INDEX nodes_by_key ON nodes (key);
CREATE UNIQUE INDEX nodes_by_name ON nodes (project, name) WHERE state <> 'removed';

-- By which machines join, each good once.
CREATE TABLE join_tokens (
    id      TEXT    NOT NULL PRIMARY KEY,
    project TEXT    NOT NULL,
    maker   TEXT    NOT NULL,
    labels  TEXT    NOT NULL,
    pepper  INTEGER NOT NULL CHECK (pepper >= 1),
    mac     BLOB    NOT NULL CHECK (length(mac) = 32),
    created INTEGER NOT NULL CHECK (created >= 0),
    expires INTEGER NOT NULL CHECK (expires >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX join_tokens_of_project ON join_tokens (project, id);
CREATE INDEX join_tokens_to_expire ON join_tokens (expires);

-- The node that a lease is of, if it is one that has joined; and what a task wants of the node that runs it.
ALTER TABLE tasks ADD COLUMN lease_node TEXT;
ALTER TABLE tasks ADD COLUMN place TEXT NOT NULL DEFAULT '';

CREATE INDEX tasks_ready_in_place ON tasks (place, precedence, turn, id) WHERE ready = 1;
CREATE INDEX tasks_ready_of_project ON tasks (project, place, precedence, turn, id) WHERE ready = 1;
