-- Which registry of names this is: drawn once.
CREATE TABLE registry (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL
) STRICT;

INSERT INTO registry (one, id) VALUES (1, lower(hex(randomblob(16))));

-- The newest version of a name, as its record says it: docs/formats/name.md.
ALTER TABLE names ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1 CHECK (epoch >= 1);
ALTER TABLE names ADD COLUMN change TEXT NOT NULL DEFAULT 'updated';
ALTER TABLE names ADD COLUMN standing TEXT NOT NULL DEFAULT 'good' CHECK (standing IN ('good', 'suspended', 'revoked'));
ALTER TABLE names ADD COLUMN offered_to TEXT;
ALTER TABLE names ADD COLUMN owner BLOB;
ALTER TABLE names ADD COLUMN recovery BLOB;
ALTER TABLE names ADD COLUMN successor BLOB;
ALTER TABLE names ADD COLUMN dns TEXT NOT NULL DEFAULT '';
ALTER TABLE names ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE names ADD COLUMN issued INTEGER NOT NULL DEFAULT 0 CHECK (issued >= 0);
ALTER TABLE names ADD COLUMN take_until INTEGER NOT NULL DEFAULT 0 CHECK (take_until >= 0);
ALTER TABLE names ADD COLUMN expires INTEGER NOT NULL DEFAULT 0 CHECK (expires >= 0);
ALTER TABLE names ADD COLUMN previous BLOB NOT NULL DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000' CHECK (length(previous) = 32);
-- Until when it cannot be offered, what was said about its end, and when time has the next thing to do with it.
ALTER TABLE names ADD COLUMN locked_until INTEGER NOT NULL DEFAULT 0 CHECK (locked_until >= 0);
ALTER TABLE names ADD COLUMN noticed INTEGER NOT NULL DEFAULT 0 CHECK (noticed >= 0);
ALTER TABLE names ADD COLUMN due INTEGER NOT NULL DEFAULT 0 CHECK (due >= 0);

-- Names that had no end so far have one a year after their last change.
UPDATE names SET issued = updated, take_until = updated, expires = updated + 31536000000, due = updated + 23760000000;

CREATE INDEX names_due ON names (due, name);
CREATE INDEX names_ending ON names (project, expires, name);
CREATE INDEX names_saying ON names (name) WHERE dns <> '';
CREATE INDEX names_offered ON names (offered_to, name) WHERE offered_to IS NOT NULL;

-- Which tags names have, so that they are found by them. It follows from names.tags.
CREATE TABLE name_tags (
    project TEXT NOT NULL,
    tag     TEXT NOT NULL,
    name    TEXT NOT NULL,
    PRIMARY KEY (project, tag, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE name_versions_of_all_kinds (
    name          TEXT    NOT NULL,
    sequence      INTEGER NOT NULL CHECK (sequence >= 1),
    project       TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('claimed', 'updated', 'renewed', 'offered', 'withdrawn', 'declined', 'transferred', 'rotated', 'recovering',
                                       'recovered', 'suspended', 'resumed', 'revoked', 'released', 'lapsed', 'removed')),
    digest        BLOB    CHECK (length(digest) = 32),
    actor         TEXT    NOT NULL,
    at            INTEGER NOT NULL CHECK (at >= 0),
    epoch         INTEGER NOT NULL DEFAULT 1 CHECK (epoch >= 1),
    -- The signed record, and its digest; none of versions from before there were records.
    record        BLOB,
    record_digest BLOB    CHECK (length(record_digest) = 32),
    -- Where the log has it.
    origin        TEXT,
    entry         INTEGER CHECK (entry >= 0),
    PRIMARY KEY (name, sequence),
    CHECK ((kind IN ('released', 'lapsed', 'removed')) = (digest IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO name_versions_of_all_kinds (name, sequence, project, kind, digest, actor, at)
SELECT name, sequence, project, kind, digest, actor, at FROM name_versions;

DROP TABLE name_versions;

ALTER TABLE name_versions_of_all_kinds RENAME TO name_versions;
