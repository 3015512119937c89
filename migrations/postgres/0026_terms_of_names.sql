-- Which registry of names this is: drawn once.
CREATE TABLE registry (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    id  TEXT COLLATE "C" NOT NULL
);

INSERT INTO registry (one, id) VALUES (1, replace(CAST(gen_random_uuid() AS TEXT), '-', ''));

-- The newest version of a name, as its record says it: docs/formats/name.md.
ALTER TABLE names ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1 CHECK (epoch >= 1);
ALTER TABLE names ADD COLUMN change TEXT COLLATE "C" NOT NULL DEFAULT 'updated';
ALTER TABLE names ADD COLUMN standing TEXT COLLATE "C" NOT NULL DEFAULT 'good' CHECK (standing IN ('good', 'suspended', 'revoked'));
ALTER TABLE names ADD COLUMN offered_to TEXT COLLATE "C";
ALTER TABLE names ADD COLUMN owner BYTEA;
ALTER TABLE names ADD COLUMN recovery BYTEA;
ALTER TABLE names ADD COLUMN successor BYTEA;
ALTER TABLE names ADD COLUMN dns TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE names ADD COLUMN tags TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE names ADD COLUMN issued BIGINT NOT NULL DEFAULT 0 CHECK (issued >= 0);
ALTER TABLE names ADD COLUMN take_until BIGINT NOT NULL DEFAULT 0 CHECK (take_until >= 0);
ALTER TABLE names ADD COLUMN expires BIGINT NOT NULL DEFAULT 0 CHECK (expires >= 0);
ALTER TABLE names ADD COLUMN previous BYTEA NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000' CHECK (octet_length(previous) = 32);
-- Until when it cannot be offered, what was said about its end, and when time has the next thing to do with it.
ALTER TABLE names ADD COLUMN locked_until BIGINT NOT NULL DEFAULT 0 CHECK (locked_until >= 0);
ALTER TABLE names ADD COLUMN noticed BIGINT NOT NULL DEFAULT 0 CHECK (noticed >= 0);
ALTER TABLE names ADD COLUMN due BIGINT NOT NULL DEFAULT 0 CHECK (due >= 0);

-- Names that had no end so far have one a year after their last change.
UPDATE names SET issued = updated, take_until = updated, expires = updated + 31536000000, due = updated + 23760000000;

CREATE INDEX names_due ON names (due, name);
CREATE INDEX names_ending ON names (project, expires, name);
CREATE INDEX names_saying ON names (name) WHERE dns <> '';
CREATE INDEX names_offered ON names (offered_to, name) WHERE offered_to IS NOT NULL;

-- Which tags names have, so that they are found by them. It follows from names.tags.
CREATE TABLE name_tags (
    project TEXT COLLATE "C" NOT NULL,
    tag     TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (project, tag, name)
);

ALTER TABLE name_versions DROP CONSTRAINT name_versions_kind_check;
ALTER TABLE name_versions DROP CONSTRAINT name_versions_check;
ALTER TABLE name_versions ADD CHECK (kind IN ('claimed', 'updated', 'renewed', 'offered', 'withdrawn', 'declined', 'transferred', 'rotated', 'recovering',
                                       'recovered', 'suspended', 'resumed', 'revoked', 'released', 'lapsed', 'removed'));
ALTER TABLE name_versions ADD CHECK ((kind IN ('released', 'lapsed', 'removed')) = (digest IS NULL));
ALTER TABLE name_versions ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1 CHECK (epoch >= 1);
-- The signed record, and its digest; none of versions from before there were records.
ALTER TABLE name_versions ADD COLUMN record BYTEA;
ALTER TABLE name_versions ADD COLUMN record_digest BYTEA CHECK (octet_length(record_digest) = 32);
-- Where the log has it.
ALTER TABLE name_versions ADD COLUMN origin TEXT COLLATE "C";
ALTER TABLE name_versions ADD COLUMN entry BIGINT CHECK (entry >= 0);
