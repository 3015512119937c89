-- Counters of what is behind the present content of keys: older versions and marks of deletion, and their bytes.
ALTER TABLE buckets ADD COLUMN versions INTEGER NOT NULL DEFAULT 0 CHECK (versions >= 0);
ALTER TABLE buckets ADD COLUMN version_bytes INTEGER NOT NULL DEFAULT 0 CHECK (version_bytes >= 0);

UPDATE buckets SET
    versions = (SELECT count(*) FROM object_versions v WHERE v.project = buckets.project AND v.bucket = buckets.bucket),
    version_bytes = (SELECT coalesce(sum(v.size_bytes), 0) FROM object_versions v
                     WHERE v.project = buckets.project AND v.bucket = buckets.bucket);

-- What a bucket held and what that took, once a day. The row of a day is replaced until the day is over, and rows of
-- long ago are removed, so a bucket has a bounded number of them. A day counts from 1970 in UTC.
CREATE TABLE bucket_samples (
    project       TEXT    NOT NULL,
    bucket        TEXT    NOT NULL,
    day           INTEGER NOT NULL CHECK (day >= 0),
    measured      INTEGER NOT NULL CHECK (measured >= 0),
    objects       INTEGER NOT NULL CHECK (objects >= 0),
    versions      INTEGER NOT NULL CHECK (versions >= 0),
    content_bytes INTEGER NOT NULL CHECK (content_bytes >= 0),
    stored_bytes  INTEGER NOT NULL CHECK (stored_bytes >= 0),
    PRIMARY KEY (project, bucket, day),
    FOREIGN KEY (project, bucket) REFERENCES buckets (project, bucket)
) STRICT, WITHOUT ROWID;
