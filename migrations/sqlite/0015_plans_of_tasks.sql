-- The order in which tasks are taken: by urgency, then projects in turn. `precedence` is 9 less the priority, so that the most
-- urgent comes first; `turn` is given when a task becomes ready, which is when it waits and is due.
ALTER TABLE tasks ADD COLUMN precedence INTEGER NOT NULL DEFAULT 4 CHECK (precedence BETWEEN 0 AND 9);
ALTER TABLE tasks ADD COLUMN turn INTEGER NOT NULL DEFAULT 0 CHECK (turn >= 0);
ALTER TABLE tasks ADD COLUMN ready INTEGER NOT NULL DEFAULT 0 CHECK (ready IN (0, 1));
ALTER TABLE tasks ADD COLUMN unique_key TEXT;
ALTER TABLE task_queues ADD COLUMN last_turn INTEGER NOT NULL DEFAULT 0 CHECK (last_turn >= 0);

CREATE INDEX tasks_ready ON tasks (precedence, turn, id) WHERE ready = 1;
CREATE INDEX tasks_to_ready ON tasks (take_at, id) WHERE take_at IS NOT NULL AND ready = 0;
CREATE UNIQUE INDEX tasks_by_key ON tasks (project, unique_key) WHERE unique_key IS NOT NULL AND lapse_at IS NOT NULL;
DROP INDEX tasks_to_take;
