-- How a blob is stored. stored_bytes is null until somebody has looked whether the blob is worth packing; base is the blob
-- that it is stored as a difference to, and counts as a reference to that.
ALTER TABLE blobs ADD COLUMN stored_bytes BIGINT CHECK (stored_bytes >= 0);
ALTER TABLE blobs ADD COLUMN base BYTEA CHECK (octet_length(base) = 32);

CREATE INDEX blobs_to_pack ON blobs (digest) WHERE stored_bytes IS NULL;
CREATE INDEX blobs_with_base ON blobs (base) WHERE base IS NOT NULL;
CREATE INDEX objects_of_blob ON objects (digest, project, bucket, key);
