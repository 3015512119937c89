-- A counter of the bytes of the parts of a bucket's unfinished uploads, which count towards the quota of its project.
ALTER TABLE buckets ADD COLUMN upload_bytes INTEGER NOT NULL DEFAULT 0 CHECK (upload_bytes >= 0);

UPDATE buckets SET
    upload_bytes = (SELECT coalesce(sum(p.size_bytes), 0) FROM uploads u JOIN upload_parts p ON p.upload = u.id
                    WHERE u.project = buckets.project AND u.bucket = buckets.bucket);
