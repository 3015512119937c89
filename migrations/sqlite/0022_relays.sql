-- Ways that somebody has through a node. What opens them follows from the pepper, and is not here.
CREATE TABLE relay_sessions (
    id           TEXT    NOT NULL PRIMARY KEY,
    project      TEXT    NOT NULL,
    task         TEXT,
    node         TEXT    NOT NULL REFERENCES nodes (id),
    destinations TEXT    NOT NULL,
    bytes_max    INTEGER NOT NULL CHECK (bytes_max >= 0),
    bytes_out    INTEGER NOT NULL CHECK (bytes_out >= 0),
    bytes_in     INTEGER NOT NULL CHECK (bytes_in >= 0),
    state        TEXT    NOT NULL CHECK (state IN ('open', 'stopped', 'expired', 'exhausted')),
    pepper       INTEGER NOT NULL CHECK (pepper >= 1),
    actor        TEXT    NOT NULL,
    created      INTEGER NOT NULL CHECK (created >= 0),
    heard        INTEGER NOT NULL CHECK (heard >= 0),
    expires      INTEGER NOT NULL CHECK (expires >= 0),
    lapses       INTEGER CHECK (lapses >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_sessions_of_project ON relay_sessions (project, id);
CREATE INDEX relay_sessions_open_of_project ON relay_sessions (project) WHERE state = 'open';
CREATE INDEX relay_sessions_of_node ON relay_sessions (node, id) WHERE state = 'open';
CREATE INDEX relay_sessions_to_end ON relay_sessions (lapses, id) WHERE state = 'open';
CREATE INDEX relay_sessions_over ON relay_sessions (expires) WHERE state <> 'open';

-- Nodes that relay, where, and the certificate that they show there.
CREATE TABLE relay_offers (
    node        TEXT NOT NULL PRIMARY KEY REFERENCES nodes (id),
    address     TEXT NOT NULL,
    certificate TEXT NOT NULL
) STRICT, WITHOUT ROWID;
