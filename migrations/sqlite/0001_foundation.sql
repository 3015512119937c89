-- Times are milliseconds since 1970 in UTC, sizes are bytes, digests are the 32 bytes of a SHA-256.
-- Text compares by bytes, so that pages are in one order on both engines.

CREATE TABLE api_keys (
    id       TEXT    NOT NULL PRIMARY KEY,
    project  TEXT    NOT NULL,
    label    TEXT    NOT NULL,
    role     TEXT    NOT NULL CHECK (role IN ('viewer', 'developer', 'admin')),
    scopes   TEXT    NOT NULL,
    pepper   INTEGER NOT NULL CHECK (pepper >= 0),
    mac      BLOB    NOT NULL CHECK (length(mac) = 32),
    created  INTEGER NOT NULL CHECK (created >= 0),
    expires  INTEGER CHECK (expires >= 0),
    revoked  INTEGER CHECK (revoked >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_of_project ON api_keys (project, id);

CREATE TABLE sessions (
    id       TEXT    NOT NULL PRIMARY KEY,
    project  TEXT    NOT NULL,
    role     TEXT    NOT NULL CHECK (role IN ('viewer', 'developer', 'admin')),
    scopes   TEXT    NOT NULL,
    key_id   TEXT    REFERENCES api_keys (id),
    pepper   INTEGER NOT NULL CHECK (pepper >= 0),
    mac      BLOB    NOT NULL CHECK (length(mac) = 32),
    created  INTEGER NOT NULL CHECK (created >= 0),
    expires  INTEGER NOT NULL CHECK (expires >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_expiry ON sessions (expires);

-- A blob's count is the number of objects, held names, task specifications and task results that mention it.
CREATE TABLE blobs (
    digest             BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    size_bytes         INTEGER NOT NULL CHECK (size_bytes >= 0),
    reference_count    INTEGER NOT NULL CHECK (reference_count >= 0),
    unreferenced_since INTEGER CHECK (unreferenced_since >= 0),
    CHECK ((reference_count = 0) = (unreferenced_since IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX blobs_unreferenced ON blobs (unreferenced_since, digest) WHERE unreferenced_since IS NOT NULL;

CREATE TABLE buckets (
    project    TEXT    NOT NULL,
    bucket     TEXT    NOT NULL,
    created    INTEGER NOT NULL CHECK (created >= 0),
    objects    INTEGER NOT NULL CHECK (objects >= 0),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    PRIMARY KEY (project, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE objects (
    project    TEXT    NOT NULL,
    bucket     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    digest     BLOB    NOT NULL CHECK (length(digest) = 32),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    media_type TEXT    NOT NULL,
    stored     INTEGER NOT NULL CHECK (stored >= 0),
    PRIMARY KEY (project, bucket, key),
    FOREIGN KEY (project, bucket) REFERENCES buckets (project, bucket)
) STRICT, WITHOUT ROWID;

CREATE INDEX objects_with_content ON objects (project, digest);

-- Only names that are held. The sequence of a released name goes on from its last version.
CREATE TABLE names (
    name     TEXT    NOT NULL PRIMARY KEY,
    project  TEXT    NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    digest   BLOB    NOT NULL CHECK (length(digest) = 32),
    claimed  INTEGER NOT NULL CHECK (claimed >= 0),
    updated  INTEGER NOT NULL CHECK (updated >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX names_of_project ON names (project, name);

CREATE TABLE name_versions (
    name     TEXT    NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    project  TEXT    NOT NULL,
    kind     TEXT    NOT NULL CHECK (kind IN ('claimed', 'updated', 'released')),
    digest   BLOB    CHECK (length(digest) = 32),
    actor    TEXT    NOT NULL,
    at       INTEGER NOT NULL CHECK (at >= 0),
    PRIMARY KEY (name, sequence),
    CHECK ((kind = 'released') = (digest IS NULL))
) STRICT, WITHOUT ROWID;

-- take_at and lapse_at are derived from the other columns: when a waiting task may be taken, and when time alone
-- moves an open task on. They are null where the question does not arise, which keeps their indexes small.
CREATE TABLE tasks (
    id               TEXT    NOT NULL PRIMARY KEY,
    project          TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('queued', 'leased', 'running', 'retry_wait', 'succeeded',
                                                       'failed', 'cancelled', 'timed_out', 'dead')),
    attempt          INTEGER NOT NULL CHECK (attempt >= 0),
    fence            INTEGER NOT NULL CHECK (fence >= 0),
    lease_worker     TEXT,
    lease_until      INTEGER CHECK (lease_until >= 0),
    due              INTEGER NOT NULL CHECK (due >= 0),
    deadline         INTEGER NOT NULL CHECK (deadline >= 0),
    cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
    take_at          INTEGER,
    lapse_at         INTEGER,
    spec             TEXT    NOT NULL,
    actor            TEXT    NOT NULL,
    request          TEXT    NOT NULL,
    created          INTEGER NOT NULL CHECK (created >= 0),
    updated          INTEGER NOT NULL CHECK (updated >= 0),
    result           TEXT,
    receipt          BLOB,
    entry            INTEGER CHECK (entry >= 0),
    CHECK ((lease_worker IS NULL) = (lease_until IS NULL)),
    CHECK ((lease_worker IS NOT NULL) = (state IN ('leased', 'running'))),
    CHECK ((take_at IS NOT NULL) = (state IN ('queued', 'retry_wait'))),
    CHECK ((lapse_at IS NOT NULL) = (state IN ('queued', 'leased', 'running', 'retry_wait'))),
    CHECK ((result IS NULL) = (receipt IS NULL) AND (result IS NULL) = (entry IS NULL))
) STRICT;

CREATE INDEX tasks_of_project ON tasks (project, id);
CREATE INDEX tasks_of_project_in_state ON tasks (project, state, id);
CREATE INDEX tasks_to_take ON tasks (take_at, id) WHERE take_at IS NOT NULL;
CREATE INDEX tasks_to_lapse ON tasks (lapse_at, id) WHERE lapse_at IS NOT NULL;
CREATE INDEX tasks_of_worker ON tasks (lease_worker) WHERE lease_worker IS NOT NULL;

CREATE TABLE task_counts (
    project TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    tasks   INTEGER NOT NULL CHECK (tasks >= 0),
    PRIMARY KEY (project, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_queues (
    project    TEXT    NOT NULL PRIMARY KEY,
    open_tasks INTEGER NOT NULL CHECK (open_tasks >= 0)
) STRICT, WITHOUT ROWID;

-- What the tasks of a project gave, and how many of them: whoever may read the project may read it.
CREATE TABLE task_outputs (
    project TEXT    NOT NULL,
    digest  BLOB    NOT NULL CHECK (length(digest) = 32),
    tasks   INTEGER NOT NULL CHECK (tasks >= 0),
    PRIMARY KEY (project, digest)
) STRICT, WITHOUT ROWID;

-- One log per origin, that is per node: entries are written in the transaction of the change that they record.
CREATE TABLE log_heads (
    origin        TEXT    NOT NULL PRIMARY KEY,
    next_sequence INTEGER NOT NULL CHECK (next_sequence >= 0),
    digest        BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_entries (
    origin   TEXT    NOT NULL REFERENCES log_heads (origin),
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    digest   BLOB    NOT NULL CHECK (length(digest) = 32),
    bytes    BLOB    NOT NULL CHECK (length(bytes) <= 65535),
    PRIMARY KEY (origin, sequence)
) STRICT;
