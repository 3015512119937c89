-- Also finds the versions of content whose project is not known, which is how packing finds its neighbours.
DROP INDEX object_versions_with_content;
CREATE INDEX object_versions_by_content ON object_versions (digest, project, bucket, key) WHERE digest IS NOT NULL;

-- Most blobs that wait are too small to be packed and wait for ever; they are not looked at one by one.
DROP INDEX blobs_to_pack;
CREATE INDEX blobs_to_pack ON blobs (size_bytes, digest) WHERE stored_bytes IS NULL;
