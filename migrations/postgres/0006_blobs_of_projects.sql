-- Content belongs to a project: what others have stored shows nowhere, and each project's can be encrypted under a key of its
-- own. What several projects refer to becomes a blob of each. No released version knows the former form.
CREATE TABLE blobs_of_projects (
    project            TEXT COLLATE "C" NOT NULL,
    digest             BYTEA NOT NULL CHECK (octet_length(digest) = 32),
    size_bytes         BIGINT NOT NULL CHECK (size_bytes >= 0),
    reference_count    BIGINT NOT NULL CHECK (reference_count >= 0),
    unreferenced_since BIGINT CHECK (unreferenced_since >= 0),
    stored_bytes       BIGINT CHECK (stored_bytes >= 0),
    base               BYTEA CHECK (octet_length(base) = 32),
    PRIMARY KEY (project, digest),
    CHECK ((reference_count = 0) = (unreferenced_since IS NOT NULL))
);

-- Each task counts a blob once for its specification and once for its result.
INSERT INTO blobs_of_projects (project, digest, size_bytes, reference_count, stored_bytes, base)
    SELECT referred.project, referred.digest, blobs.size_bytes, count(*), blobs.stored_bytes, blobs.base
    FROM (
        SELECT project, digest FROM objects
        UNION ALL SELECT project, digest FROM object_versions WHERE digest IS NOT NULL
        UNION ALL SELECT project, digest FROM names
        UNION ALL SELECT project, decode(substr(text, 8), 'hex') FROM (
            SELECT id, project, spec::json ->> 'module' AS text FROM tasks
            UNION SELECT id, project, spec::json ->> 'stdin' FROM tasks
            UNION SELECT id, project, input ->> 1 FROM tasks, json_array_elements(spec::json -> 'inputs') AS input
        ) AS of_specifications WHERE text IS NOT NULL
        UNION ALL SELECT project, decode(substr(text, 8), 'hex') FROM (
            SELECT id, project, result::json ->> 'stdout' AS text FROM tasks
            UNION SELECT id, project, result::json ->> 'stderr' FROM tasks
            UNION SELECT id, project, output ->> 'digest' FROM tasks, json_array_elements(result::json -> 'outputs') AS output
            WHERE result IS NOT NULL
        ) AS of_results WHERE text IS NOT NULL
    ) AS referred
    JOIN blobs ON blobs.digest = referred.digest
    GROUP BY referred.project, referred.digest, blobs.size_bytes, blobs.stored_bytes, blobs.base;

-- A difference refers to its base, which has none itself.
INSERT INTO blobs_of_projects (project, digest, size_bytes, reference_count, stored_bytes)
    SELECT differences.project, differences.base, blobs.size_bytes, count(*), blobs.stored_bytes
    FROM blobs_of_projects AS differences JOIN blobs ON blobs.digest = differences.base
    WHERE differences.base IS NOT NULL
    GROUP BY differences.project, differences.base, blobs.size_bytes, blobs.stored_bytes
    ON CONFLICT (project, digest) DO UPDATE
    SET reference_count = blobs_of_projects.reference_count + excluded.reference_count;

DROP TABLE blobs;
ALTER TABLE blobs_of_projects RENAME TO blobs;

CREATE INDEX blobs_unreferenced ON blobs (unreferenced_since, project, digest) WHERE unreferenced_since IS NOT NULL;
CREATE INDEX blobs_to_pack ON blobs (size_bytes, project, digest) WHERE stored_bytes IS NULL;
CREATE INDEX blobs_with_base ON blobs (project, base) WHERE base IS NOT NULL;
