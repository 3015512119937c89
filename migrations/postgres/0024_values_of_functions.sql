-- In whose name a version asks the node for what it was granted.
ALTER TABLE function_versions ADD COLUMN maker TEXT COLLATE "C";

-- How many values a function keeps, how many bytes they have, and how often any of them was changed.
ALTER TABLE functions ADD COLUMN value_count BIGINT NOT NULL DEFAULT 0 CHECK (value_count >= 0);
ALTER TABLE functions ADD COLUMN value_bytes BIGINT NOT NULL DEFAULT 0 CHECK (value_bytes >= 0);
ALTER TABLE functions ADD COLUMN value_revision BIGINT NOT NULL DEFAULT 0 CHECK (value_revision >= 0);

-- What functions keep from one request to the next.
CREATE TABLE function_values (
    name     TEXT COLLATE "C" NOT NULL REFERENCES functions (name),
    key      TEXT COLLATE "C" NOT NULL,
    value    BYTEA NOT NULL,
    revision BIGINT NOT NULL CHECK (revision >= 1),
    updated  BIGINT NOT NULL CHECK (updated >= 0),
    PRIMARY KEY (name, key)
);
