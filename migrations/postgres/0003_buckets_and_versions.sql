-- What the owner of a bucket has set, and what an uploader said of an object, as JSON text; see state's stored forms.
ALTER TABLE buckets ADD COLUMN settings TEXT COLLATE "C" NOT NULL DEFAULT '{}';

CREATE INDEX buckets_by_name ON buckets (bucket);

-- An empty entity tag stands for the one that follows from the digest. The sequence counts the versions of a key.
ALTER TABLE objects ADD COLUMN etag TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE objects ADD COLUMN attributes TEXT COLLATE "C" NOT NULL DEFAULT '{}';
ALTER TABLE objects ADD COLUMN version TEXT COLLATE "C" NOT NULL DEFAULT 'null';
ALTER TABLE objects ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0 CHECK (sequence >= 0);

-- Versions that are not the present content of their key. Without a digest it says that the object was deleted.
CREATE TABLE object_versions (
    project    TEXT COLLATE "C" NOT NULL,
    bucket     TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    sequence   BIGINT NOT NULL CHECK (sequence >= 0),
    version    TEXT COLLATE "C" NOT NULL,
    digest     BYTEA CHECK (octet_length(digest) = 32),
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    media_type TEXT COLLATE "C" NOT NULL,
    stored     BIGINT NOT NULL CHECK (stored >= 0),
    etag       TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (project, bucket, key, sequence),
    FOREIGN KEY (project, bucket) REFERENCES buckets (project, bucket)
);

CREATE UNIQUE INDEX object_versions_by_id ON object_versions (project, bucket, key, version);
CREATE INDEX object_versions_with_content ON object_versions (project, digest) WHERE digest IS NOT NULL;

CREATE TABLE uploads (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project    TEXT COLLATE "C" NOT NULL,
    bucket     TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    begun      BIGINT NOT NULL CHECK (begun >= 0),
    FOREIGN KEY (project, bucket) REFERENCES buckets (project, bucket)
);

CREATE INDEX uploads_of_bucket ON uploads (project, bucket, key, id);
CREATE INDEX uploads_by_age ON uploads (begun, id);

CREATE TABLE upload_parts (
    upload     TEXT COLLATE "C" NOT NULL REFERENCES uploads (id),
    number     BIGINT NOT NULL CHECK (number >= 1),
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    etag       TEXT COLLATE "C" NOT NULL,
    file       TEXT COLLATE "C" NOT NULL,
    checksums  TEXT COLLATE "C" NOT NULL,
    stored     BIGINT NOT NULL CHECK (stored >= 0),
    PRIMARY KEY (upload, number)
);
