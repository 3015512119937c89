-- Which task needs which other one, while it has not been looked whether that has succeeded. `over` says that it is over.
CREATE TABLE task_needs (
    needed TEXT    NOT NULL,
    task   TEXT    NOT NULL REFERENCES tasks (id),
    over   INTEGER NOT NULL CHECK (over IN (0, 1)),
    PRIMARY KEY (needed, task)
) STRICT, WITHOUT ROWID;

CREATE INDEX task_needs_of_task ON task_needs (task);
CREATE INDEX task_needs_over ON task_needs (needed, task) WHERE over = 1;
