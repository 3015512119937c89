-- In whose name a version asks the node for what it was granted.
ALTER TABLE function_versions ADD COLUMN maker TEXT;

-- How many values a function keeps, how many bytes they have, and how often any of them was changed.
ALTER TABLE functions ADD COLUMN value_count INTEGER NOT NULL DEFAULT 0 CHECK (value_count >= 0);
ALTER TABLE functions ADD COLUMN value_bytes INTEGER NOT NULL DEFAULT 0 CHECK (value_bytes >= 0);
ALTER TABLE functions ADD COLUMN value_revision INTEGER NOT NULL DEFAULT 0 CHECK (value_revision >= 0);

-- What functions keep from one request to the next.
CREATE TABLE function_values (
    name     TEXT NOT NULL REFERENCES functions (name),
    key      TEXT NOT NULL,
    value    BLOB NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    updated  INTEGER NOT NULL CHECK (updated >= 0),
    PRIMARY KEY (name, key)
) STRICT;
