-- Components that answer requests under a name, which is one project's on the whole node.
CREATE TABLE functions (
    name    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    project TEXT COLLATE "C" NOT NULL,
    route   TEXT COLLATE "C" NOT NULL,
    newest  BIGINT NOT NULL CHECK (newest >= 1),
    created BIGINT NOT NULL CHECK (created >= 0),
    updated BIGINT NOT NULL CHECK (updated >= 0)
);

CREATE INDEX functions_of_project ON functions (project, name);

-- Their versions, which never change. `module_project` is whose content the module is, if not the function's project's.
CREATE TABLE function_versions (
    name           TEXT COLLATE "C" NOT NULL REFERENCES functions (name),
    number         BIGINT NOT NULL CHECK (number >= 1),
    module         BYTEA NOT NULL CHECK (length(module) = 32),
    module_project TEXT COLLATE "C",
    settings       TEXT COLLATE "C" NOT NULL,
    actor          TEXT COLLATE "C" NOT NULL,
    created        BIGINT NOT NULL CHECK (created >= 0),
    PRIMARY KEY (name, number)
);
