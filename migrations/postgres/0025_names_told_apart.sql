-- What names look like (UTS 39): no two that are held look the same, and one that was given up stays with who had it for a
-- while. Of those that were held before, one has it.
CREATE TABLE name_skeletons (
    skeleton  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name      TEXT COLLATE "C" NOT NULL,
    project   TEXT COLLATE "C" NOT NULL,
    -- When it is free for all, if nobody holds it.
    free_from BIGINT CHECK (free_from >= 0)
);

-- Only ASCII was taken so far, of which these look like others.
INSERT INTO name_skeletons (skeleton, name, project)
SELECT looks, name, project FROM (
    SELECT looks, name, project, ROW_NUMBER() OVER (PARTITION BY looks ORDER BY name) AS place FROM (
        SELECT replace(replace(replace(name, '0', 'O'), '1', 'l'), 'm', 'rn') AS looks, name, project FROM names
    ) AS held
) AS places WHERE place = 1;

-- The name backwards, so that those below another are found beside each other.
ALTER TABLE names ADD COLUMN reversed TEXT COLLATE "C";

UPDATE names SET reversed = reverse(name);

CREATE INDEX names_reversed ON names (reversed);
