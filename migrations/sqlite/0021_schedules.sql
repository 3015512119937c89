-- Tasks that are submitted again and again. `next` is when, as long as that is so; `task` is what, as JSON text.
CREATE TABLE schedules (
    id        TEXT    NOT NULL PRIMARY KEY,
    project   TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    pattern   TEXT    NOT NULL,
    zone      TEXT    NOT NULL,
    overlap   TEXT    NOT NULL CHECK (overlap IN ('skip', 'allow')),
    task      TEXT    NOT NULL,
    maker     TEXT    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('active', 'paused', 'halted')),
    reason    TEXT,
    next      INTEGER CHECK (next >= 0),
    last      INTEGER CHECK (last >= 0),
    last_task TEXT,
    created   INTEGER NOT NULL CHECK (created >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX schedules_of_project ON schedules (project, id);
CREATE UNIQUE INDEX schedules_by_name ON schedules (project, name);
CREATE INDEX schedules_due ON schedules (next, id) WHERE next IS NOT NULL;

-- What came of tasks, by the hour in which they ended, counted from 1970.
CREATE TABLE task_hours (
    project        TEXT    NOT NULL,
    hour           INTEGER NOT NULL CHECK (hour >= 0),
    state          TEXT    NOT NULL,
    tasks          INTEGER NOT NULL CHECK (tasks >= 0),
    runs           INTEGER NOT NULL CHECK (runs >= 0),
    queue_ms       INTEGER NOT NULL CHECK (queue_ms >= 0),
    run_ms         INTEGER NOT NULL CHECK (run_ms >= 0),
    fuel_thousands INTEGER NOT NULL CHECK (fuel_thousands >= 0),
    PRIMARY KEY (project, hour, state)
) STRICT, WITHOUT ROWID;

CREATE INDEX task_hours_to_forget ON task_hours (hour);

-- Tasks that are over, to find those that have been for long enough. What is over has nothing to lapse.
CREATE INDEX tasks_over ON tasks (updated, id) WHERE lapse_at IS NULL;
