-- Tasks that are run in the place of another one, and whose the node was that took one last: of the replicas of one task nobody
-- gets two.
ALTER TABLE tasks ADD COLUMN replica_of TEXT COLLATE "C";
ALTER TABLE tasks ADD COLUMN taken_by TEXT COLLATE "C";

CREATE INDEX tasks_replicas ON tasks (replica_of, taken_by) WHERE replica_of IS NOT NULL;
