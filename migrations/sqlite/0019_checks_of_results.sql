-- Which node gave the result of a task, and whether anybody has looked at it. What is not judged when its node is caught is void.
ALTER TABLE tasks ADD COLUMN ran_by TEXT;
ALTER TABLE tasks ADD COLUMN judged INTEGER CHECK (judged IN (0, 1));

CREATE INDEX tasks_unjudged ON tasks (ran_by, id) WHERE judged = 0;
CREATE INDEX nodes_distrusted ON nodes (id) WHERE state = 'distrusted';
