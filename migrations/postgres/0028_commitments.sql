-- What somebody has said to know a name by, without saying which.
CREATE TABLE name_commitments (
    commitment BYTEA  NOT NULL PRIMARY KEY CHECK (length(commitment) = 32),
    project    TEXT COLLATE "C" NOT NULL,
    made       BIGINT NOT NULL CHECK (made >= 0)
);
CREATE INDEX name_commitments_project ON name_commitments (project);
CREATE INDEX name_commitments_made ON name_commitments (made);
