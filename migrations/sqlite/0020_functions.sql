-- Components that answer requests under a name, which is one project's on the whole node.
CREATE TABLE functions (
    name    TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    route   TEXT NOT NULL,
    newest  INTEGER NOT NULL CHECK (newest >= 1),
    created INTEGER NOT NULL CHECK (created >= 0),
    updated INTEGER NOT NULL CHECK (updated >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX functions_of_project ON functions (project, name);

-- Their versions, which never change. `module_project` is whose content the module is, if not the function's project's.
CREATE TABLE function_versions (
    name           TEXT NOT NULL REFERENCES functions (name),
    number         INTEGER NOT NULL CHECK (number >= 1),
    module         BLOB NOT NULL CHECK (length(module) = 32),
    module_project TEXT,
    settings       TEXT NOT NULL,
    actor          TEXT NOT NULL,
    created        INTEGER NOT NULL CHECK (created >= 0),
    PRIMARY KEY (name, number)
) STRICT, WITHOUT ROWID;
