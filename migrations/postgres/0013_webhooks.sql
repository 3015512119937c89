-- Where events of a project are sent to, how far each node's log was looked at for it, and what is to be sent. Of a webhook's
-- secret only the numbers are here from which it follows, together with the pepper.
CREATE TABLE webhooks (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project        TEXT COLLATE "C" NOT NULL,
    url            TEXT COLLATE "C" NOT NULL,
    events         TEXT COLLATE "C" NOT NULL,
    description    TEXT COLLATE "C" NOT NULL,
    pepper         BIGINT NOT NULL CHECK (pepper >= 0),
    generation     BIGINT NOT NULL CHECK (generation >= 1),
    former_pepper  BIGINT CHECK (former_pepper >= 0),
    former         BIGINT CHECK (former >= 1),
    former_until   BIGINT CHECK (former_until >= 0),
    paused         TEXT COLLATE "C" CHECK (paused IN ('asked', 'gone', 'failing')),
    paused_since   BIGINT CHECK (paused_since >= 0),
    failing_since  BIGINT CHECK (failing_since >= 0),
    dropped        BIGINT NOT NULL CHECK (dropped >= 0),
    created        BIGINT NOT NULL CHECK (created >= 0),
    revision       BIGINT NOT NULL CHECK (revision >= 1),
    CHECK ((paused IS NULL) = (paused_since IS NULL)),
    CHECK ((former IS NULL) = (former_pepper IS NULL) AND (former IS NULL) = (former_until IS NULL))
);

CREATE INDEX webhooks_of_project ON webhooks (project, id);

CREATE TABLE webhook_cursors (
    origin        TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES log_heads (origin),
    next_sequence BIGINT NOT NULL CHECK (next_sequence >= 0)
);

-- due is when a delivery may be taken, or taken again after the lease of whoever has it under way.
CREATE TABLE webhook_deliveries (
    id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    webhook   TEXT COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event     TEXT COLLATE "C" NOT NULL,
    body      BYTEA NOT NULL,
    state     TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    due       BIGINT CHECK (due >= 0),
    leased_by TEXT COLLATE "C",
    attempts  BIGINT NOT NULL CHECK (attempts >= 0),
    created   BIGINT NOT NULL CHECK (created >= 0),
    attempted BIGINT CHECK (attempted >= 0),
    status    BIGINT CHECK (status >= 0),
    error     TEXT COLLATE "C",
    ended     BIGINT CHECK (ended >= 0),
    CHECK ((due IS NOT NULL) = (state = 'pending')),
    CHECK ((ended IS NOT NULL) = (state <> 'pending')),
    CHECK (leased_by IS NULL OR state = 'pending')
);

CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, due, id) WHERE due IS NOT NULL;
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (leased_by) WHERE leased_by IS NOT NULL;
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended, id) WHERE ended IS NOT NULL;
