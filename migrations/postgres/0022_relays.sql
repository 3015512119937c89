-- Ways that somebody has through a node. What opens them follows from the pepper, and is not here.
CREATE TABLE relay_sessions (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project      TEXT COLLATE "C" NOT NULL,
    task         TEXT COLLATE "C",
    node         TEXT COLLATE "C" NOT NULL REFERENCES nodes (id),
    destinations TEXT COLLATE "C" NOT NULL,
    bytes_max    BIGINT NOT NULL CHECK (bytes_max >= 0),
    bytes_out    BIGINT NOT NULL CHECK (bytes_out >= 0),
    bytes_in     BIGINT NOT NULL CHECK (bytes_in >= 0),
    state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'stopped', 'expired', 'exhausted')),
    pepper       BIGINT NOT NULL CHECK (pepper >= 1),
    actor        TEXT COLLATE "C" NOT NULL,
    created      BIGINT NOT NULL CHECK (created >= 0),
    heard        BIGINT NOT NULL CHECK (heard >= 0),
    expires      BIGINT NOT NULL CHECK (expires >= 0),
    lapses       BIGINT CHECK (lapses >= 0)
);

CREATE INDEX relay_sessions_of_project ON relay_sessions (project, id);
CREATE INDEX relay_sessions_open_of_project ON relay_sessions (project) WHERE state = 'open';
CREATE INDEX relay_sessions_of_node ON relay_sessions (node, id) WHERE state = 'open';
CREATE INDEX relay_sessions_to_end ON relay_sessions (lapses, id) WHERE state = 'open';
CREATE INDEX relay_sessions_over ON relay_sessions (expires) WHERE state <> 'open';

-- Nodes that relay, where, and the certificate that they show there.
CREATE TABLE relay_offers (
    node        TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES nodes (id),
    address     TEXT COLLATE "C" NOT NULL,
    certificate TEXT COLLATE "C" NOT NULL
);
