-- Where events of a project are sent to, how far each node's log was looked at for it, and what is to be sent. Of a webhook's
-- secret only the numbers are here from which it follows, together with the pepper.
CREATE TABLE webhooks (
    id             TEXT    NOT NULL PRIMARY KEY,
    project        TEXT    NOT NULL,
    url            TEXT    NOT NULL,
    events         TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    pepper         INTEGER NOT NULL CHECK (pepper >= 0),
    generation     INTEGER NOT NULL CHECK (generation >= 1),
    former_pepper  INTEGER CHECK (former_pepper >= 0),
    former         INTEGER CHECK (former >= 1),
    former_until   INTEGER CHECK (former_until >= 0),
    paused         TEXT    CHECK (paused IN ('asked', 'gone', 'failing')),
    paused_since   INTEGER CHECK (paused_since >= 0),
    failing_since  INTEGER CHECK (failing_since >= 0),
    dropped        INTEGER NOT NULL CHECK (dropped >= 0),
    created        INTEGER NOT NULL CHECK (created >= 0),
    revision       INTEGER NOT NULL CHECK (revision >= 1),
    CHECK ((paused IS NULL) = (paused_since IS NULL)),
    CHECK ((former IS NULL) = (former_pepper IS NULL) AND (former IS NULL) = (former_until IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX webhooks_of_project ON webhooks (project, id);

CREATE TABLE webhook_cursors (
    origin        TEXT    NOT NULL PRIMARY KEY REFERENCES log_heads (origin),
    next_sequence INTEGER NOT NULL CHECK (next_sequence >= 0)
) STRICT, WITHOUT ROWID;

-- due is when a delivery may be taken, or taken again after the lease of whoever has it under way.
CREATE TABLE webhook_deliveries (
    id        TEXT    NOT NULL PRIMARY KEY,
    webhook   TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event     TEXT    NOT NULL,
    body      BLOB    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    due       INTEGER CHECK (due >= 0),
    leased_by TEXT,
    attempts  INTEGER NOT NULL CHECK (attempts >= 0),
    created   INTEGER NOT NULL CHECK (created >= 0),
    attempted INTEGER CHECK (attempted >= 0),
    status    INTEGER CHECK (status >= 0),
    error     TEXT,
    ended     INTEGER CHECK (ended >= 0),
    CHECK ((due IS NOT NULL) = (state = 'pending')),
    CHECK ((ended IS NOT NULL) = (state <> 'pending')),
    CHECK (leased_by IS NULL OR state = 'pending')
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, due, id) WHERE due IS NOT NULL;
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (leased_by) WHERE leased_by IS NOT NULL;
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended, id) WHERE ended IS NOT NULL;
