-- Times are milliseconds since 1970 in UTC, sizes are bytes, digests are the 32 bytes of a SHA-256.
-- Text compares by bytes, so that pages are in one order on both engines.

CREATE TABLE api_keys (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project  TEXT COLLATE "C" NOT NULL,
    label    TEXT COLLATE "C" NOT NULL,
    role     TEXT COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'developer', 'admin')),
    scopes   TEXT COLLATE "C" NOT NULL,
    pepper   BIGINT NOT NULL CHECK (pepper >= 0),
    mac      BYTEA NOT NULL CHECK (octet_length(mac) = 32),
    created  BIGINT NOT NULL CHECK (created >= 0),
    expires  BIGINT CHECK (expires >= 0),
    revoked  BIGINT CHECK (revoked >= 0)
);

CREATE INDEX api_keys_of_project ON api_keys (project, id);

CREATE TABLE sessions (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project  TEXT COLLATE "C" NOT NULL,
    role     TEXT COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'developer', 'admin')),
    scopes   TEXT COLLATE "C" NOT NULL,
    key_id   TEXT COLLATE "C" REFERENCES api_keys (id),
    pepper   BIGINT NOT NULL CHECK (pepper >= 0),
    mac      BYTEA NOT NULL CHECK (octet_length(mac) = 32),
    created  BIGINT NOT NULL CHECK (created >= 0),
    expires  BIGINT NOT NULL CHECK (expires >= 0)
);

CREATE INDEX sessions_by_expiry ON sessions (expires);

-- A blob's count is the number of objects, held names, task specifications and task results that mention it.
CREATE TABLE blobs (
    digest             BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    size_bytes         BIGINT NOT NULL CHECK (size_bytes >= 0),
    reference_count    BIGINT NOT NULL CHECK (reference_count >= 0),
    unreferenced_since BIGINT CHECK (unreferenced_since >= 0),
    CHECK ((reference_count = 0) = (unreferenced_since IS NOT NULL))
);

CREATE INDEX blobs_unreferenced ON blobs (unreferenced_since, digest) WHERE unreferenced_since IS NOT NULL;

CREATE TABLE buckets (
    project    TEXT COLLATE "C" NOT NULL,
    bucket     TEXT COLLATE "C" NOT NULL,
    created    BIGINT NOT NULL CHECK (created >= 0),
    objects    BIGINT NOT NULL CHECK (objects >= 0),
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    PRIMARY KEY (project, bucket)
);

CREATE TABLE objects (
    project    TEXT COLLATE "C" NOT NULL,
    bucket     TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    digest     BYTEA NOT NULL CHECK (octet_length(digest) = 32),
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    media_type TEXT COLLATE "C" NOT NULL,
    stored     BIGINT NOT NULL CHECK (stored >= 0),
    PRIMARY KEY (project, bucket, key),
    FOREIGN KEY (project, bucket) REFERENCES buckets (project, bucket)
);

CREATE INDEX objects_with_content ON objects (project, digest);

-- Only names that are held. The sequence of a released name goes on from its last version.
CREATE TABLE names (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project  TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence >= 1),
    digest   BYTEA NOT NULL CHECK (octet_length(digest) = 32),
    claimed  BIGINT NOT NULL CHECK (claimed >= 0),
    updated  BIGINT NOT NULL CHECK (updated >= 0)
);

CREATE INDEX names_of_project ON names (project, name);

CREATE TABLE name_versions (
    name     TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence >= 1),
    project  TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL CHECK (kind IN ('claimed', 'updated', 'released')),
    digest   BYTEA CHECK (octet_length(digest) = 32),
    actor    TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL CHECK (at >= 0),
    PRIMARY KEY (name, sequence),
    CHECK ((kind = 'released') = (digest IS NULL))
);

-- take_at and lapse_at are derived from the other columns: when a waiting task may be taken, and when time alone
-- moves an open task on. They are null where the question does not arise, which keeps their indexes small.
CREATE TABLE tasks (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project          TEXT COLLATE "C" NOT NULL,
    state            TEXT COLLATE "C" NOT NULL
                     CHECK (state IN ('queued', 'leased', 'running', 'retry_wait', 'succeeded',
                                      'failed', 'cancelled', 'timed_out', 'dead')),
    attempt          BIGINT NOT NULL CHECK (attempt >= 0),
    fence            BIGINT NOT NULL CHECK (fence >= 0),
    lease_worker     TEXT COLLATE "C",
    lease_until      BIGINT CHECK (lease_until >= 0),
    due              BIGINT NOT NULL CHECK (due >= 0),
    deadline         BIGINT NOT NULL CHECK (deadline >= 0),
    cancel_requested BIGINT NOT NULL CHECK (cancel_requested IN (0, 1)),
    take_at          BIGINT,
    lapse_at         BIGINT,
    spec             TEXT COLLATE "C" NOT NULL,
    actor            TEXT COLLATE "C" NOT NULL,
    request          TEXT COLLATE "C" NOT NULL,
    created          BIGINT NOT NULL CHECK (created >= 0),
    updated          BIGINT NOT NULL CHECK (updated >= 0),
    result           TEXT COLLATE "C",
    receipt          BYTEA,
    entry            BIGINT CHECK (entry >= 0),
    CHECK ((lease_worker IS NULL) = (lease_until IS NULL)),
    CHECK ((lease_worker IS NOT NULL) = (state IN ('leased', 'running'))),
    CHECK ((take_at IS NOT NULL) = (state IN ('queued', 'retry_wait'))),
    CHECK ((lapse_at IS NOT NULL) = (state IN ('queued', 'leased', 'running', 'retry_wait'))),
    CHECK ((result IS NULL) = (receipt IS NULL) AND (result IS NULL) = (entry IS NULL))
);

CREATE INDEX tasks_of_project ON tasks (project, id);
CREATE INDEX tasks_of_project_in_state ON tasks (project, state, id);
CREATE INDEX tasks_to_take ON tasks (take_at, id) WHERE take_at IS NOT NULL;
CREATE INDEX tasks_to_lapse ON tasks (lapse_at, id) WHERE lapse_at IS NOT NULL;
CREATE INDEX tasks_of_worker ON tasks (lease_worker) WHERE lease_worker IS NOT NULL;

CREATE TABLE task_counts (
    project TEXT COLLATE "C" NOT NULL,
    state   TEXT COLLATE "C" NOT NULL,
    tasks   BIGINT NOT NULL CHECK (tasks >= 0),
    PRIMARY KEY (project, state)
);

CREATE TABLE task_queues (
    project    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    open_tasks BIGINT NOT NULL CHECK (open_tasks >= 0)
);

-- What the tasks of a project gave, and how many of them: whoever may read the project may read it.
CREATE TABLE task_outputs (
    project TEXT COLLATE "C" NOT NULL,
    digest  BYTEA NOT NULL CHECK (octet_length(digest) = 32),
    tasks   BIGINT NOT NULL CHECK (tasks >= 0),
    PRIMARY KEY (project, digest)
);

-- One log per origin, that is per node: entries are written in the transaction of the change that they record.
CREATE TABLE log_heads (
    origin        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    next_sequence BIGINT NOT NULL CHECK (next_sequence >= 0),
    digest        BYTEA NOT NULL CHECK (octet_length(digest) = 32)
);

CREATE TABLE log_entries (
    origin   TEXT COLLATE "C" NOT NULL REFERENCES log_heads (origin),
    sequence BIGINT NOT NULL CHECK (sequence >= 0),
    digest   BYTEA NOT NULL CHECK (octet_length(digest) = 32),
    bytes    BYTEA NOT NULL CHECK (octet_length(bytes) <= 65535),
    PRIMARY KEY (origin, sequence)
);
