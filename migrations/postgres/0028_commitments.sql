-- What somebody has said to know a name by, without saying which.
CREATE TABLE name_commitments (
    commitment BYTEA  NOT NULL PRIMARY KEY CHECK (length(commitment) = 32),
    project    TEXT COLLATE "C" NOT NULL,
    made       BIGINT NOT NULL CHECK (made >= 0)
);
CREATE INDEX name_commitments_project ON name_commitments (project);
CREATE INDEX name_commitments_made ON name_commitments (made);

-- The name backwards, so that those below another are found beside each other while they cool off. Those that cool off now are
-- found by their own look alone.
ALTER TABLE name_skeletons ADD COLUMN reversed TEXT COLLATE "C";
UPDATE name_skeletons SET reversed = (SELECT reversed FROM names WHERE names.name = name_skeletons.name);
CREATE INDEX name_skeletons_cooling ON name_skeletons (reversed) WHERE free_from IS NOT NULL;
