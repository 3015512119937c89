-- Counters of what is behind the present content of keys: older versions and marks of deletion, and their bytes.
ALTER TABLE buckets ADD COLUMN versions BIGINT NOT NULL DEFAULT 0 CHECK (versions >= 0);
ALTER TABLE buckets ADD COLUMN version_bytes BIGINT NOT NULL DEFAULT 0 CHECK (version_bytes >= 0);

UPDATE buckets SET
    versions = (SELECT count(*) FROM object_versions v WHERE v.project = buckets.project AND v.bucket = buckets.bucket),
    version_bytes = (SELECT CAST(coalesce(sum(v.size_bytes), 0) AS BIGINT) FROM object_versions v
                     WHERE v.project = buckets.project AND v.bucket = buckets.bucket);

-- What a bucket held and what that took, once a day. The row of a day is replaced until the day is over, and rows of
-- long ago are removed, so a bucket has a bounded number of them. A day counts from 1970 in UTC.
CREATE TABLE bucket_samples (
    project       TEXT COLLATE "C" NOT NULL,
    bucket        TEXT COLLATE "C" NOT NULL,
    day           BIGINT NOT NULL CHECK (day >= 0),
    measured      BIGINT NOT NULL CHECK (measured >= 0),
    objects       BIGINT NOT NULL CHECK (objects >= 0),
    versions      BIGINT NOT NULL CHECK (versions >= 0),
    content_bytes BIGINT NOT NULL CHECK (content_bytes >= 0),
    stored_bytes  BIGINT NOT NULL CHECK (stored_bytes >= 0),
    PRIMARY KEY (project, bucket, day),
    FOREIGN KEY (project, bucket) REFERENCES buckets (project, bucket)
);
