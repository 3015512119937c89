-- Tasks that are submitted again and again. `next` is when, as long as that is so; `task` is what, as JSON text.
CREATE TABLE schedules (
    id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project   TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    pattern   TEXT COLLATE "C" NOT NULL,
    zone      TEXT COLLATE "C" NOT NULL,
    overlap   TEXT COLLATE "C" NOT NULL CHECK (overlap IN ('skip', 'allow')),
    task      TEXT COLLATE "C" NOT NULL,
    maker     TEXT COLLATE "C" NOT NULL,
    state     TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'paused', 'halted')),
    reason    TEXT COLLATE "C",
    next      BIGINT CHECK (next >= 0),
    last      BIGINT CHECK (last >= 0),
    last_task TEXT COLLATE "C",
    created   BIGINT NOT NULL CHECK (created >= 0)
);

CREATE INDEX schedules_of_project ON schedules (project, id);
CREATE UNIQUE INDEX schedules_by_name ON schedules (project, name);
CREATE INDEX schedules_due ON schedules (next, id) WHERE next IS NOT NULL;

-- What came of tasks, by the hour in which they ended, counted from 1970.
CREATE TABLE task_hours (
    project        TEXT COLLATE "C" NOT NULL,
    hour           BIGINT NOT NULL CHECK (hour >= 0),
    state          TEXT COLLATE "C" NOT NULL,
    tasks          BIGINT NOT NULL CHECK (tasks >= 0),
    runs           BIGINT NOT NULL CHECK (runs >= 0),
    queue_ms       BIGINT NOT NULL CHECK (queue_ms >= 0),
    run_ms         BIGINT NOT NULL CHECK (run_ms >= 0),
    fuel_thousands BIGINT NOT NULL CHECK (fuel_thousands >= 0),
    PRIMARY KEY (project, hour, state)
);

CREATE INDEX task_hours_to_forget ON task_hours (hour);

-- Tasks that are over, to find those that have been for long enough. What is over has nothing to lapse.
CREATE INDEX tasks_over ON tasks (updated, id) WHERE lapse_at IS NULL;
