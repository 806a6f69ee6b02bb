-- Version 2. Tokens expire, and show when they were used. Times are nanoseconds since 1970 in UTC, 0 for never.

ALTER TABLE tokens ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- up to a minute late

-- The metrics that do not stand at their own nanosecond: the clock that the text of their start came from was wrong, or
-- another metric of the test has the nanosecond. A metric that comes again is found here.
CREATE TABLE clocks (
    hash INTEGER NOT NULL, -- the first 8 bytes of the metric's hash
    seq INTEGER NOT NULL,
    PRIMARY KEY (hash, seq)
) WITHOUT ROWID;

-- 1 when a metric of the session may stand elsewhere than the clock of the session says.
ALTER TABLE sessions ADD COLUMN unsteady INTEGER NOT NULL DEFAULT 0;

-- A run starts with its first session.
ALTER TABLE tallies DROP COLUMN first_ns;
ALTER TABLE tallies DROP COLUMN first_offset;

-- 1 for a record of any kind that is set aside: the destination does not take it now, although it takes others.
ALTER TABLE parked ADD COLUMN aside INTEGER NOT NULL DEFAULT 0;
CREATE INDEX parked_aside ON parked (dest, seq) WHERE aside = 1;

-- Lists of outcomes, like those of metrics.
CREATE INDEX outcomes_session ON outcomes (session, utc_ns, series, outcome);
CREATE INDEX outcomes_time ON outcomes (utc_ns, series, session, outcome);
-- Few tests do not simply pass. The list of those that failed, and the search for flaky tests, read only these.
CREATE INDEX outcomes_unusual ON outcomes (utc_ns, series, session, outcome, attempts)
    WHERE outcome <> 'passed' OR attempts > 1;

-- The number of outcomes of each session, by context, component and kind as sent.
CREATE TABLE outcome_tallies (
    session INTEGER NOT NULL REFERENCES hashes (id),
    context INTEGER NOT NULL REFERENCES hashes (id),
    component INTEGER NOT NULL REFERENCES components (id),
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    outcomes INTEGER NOT NULL,
    PRIMARY KEY (session, context, component, kind, outcome)
) WITHOUT ROWID;
CREATE INDEX outcome_tallies_context ON outcome_tallies (context);
CREATE INDEX outcome_tallies_component ON outcome_tallies (component);

-- What the client said when the session ended. completion is empty until then.
ALTER TABLE sessions ADD COLUMN exit_status INTEGER NOT NULL DEFAULT 0; -- of pytest
ALTER TABLE sessions ADD COLUMN collected INTEGER NOT NULL DEFAULT 0; -- number of tests
ALTER TABLE sessions ADD COLUMN deselected INTEGER NOT NULL DEFAULT 0; -- number of tests
ALTER TABLE sessions ADD COLUMN partial TEXT NOT NULL DEFAULT ''; -- why the session is partial
ALTER TABLE sessions ADD COLUMN ended INTEGER NOT NULL DEFAULT 0; -- arrival of the end, 0 for none

-- The sessions that ended after they were stored. Each is owed again, with a number of its own.
CREATE TABLE ends (
    seq INTEGER PRIMARY KEY,
    session INTEGER NOT NULL UNIQUE REFERENCES hashes (id)
);

-- The runs of a branch and of a commit are read from the newest on.
CREATE INDEX sessions_branch ON sessions (project, branch, utc_ns);
DROP INDEX sessions_scm;
CREATE INDEX sessions_scm ON sessions (scm_ref, utc_ns);

-- The sessions of a project that were not imported. The last one tells the zone.
CREATE INDEX sessions_live ON sessions (project, received) WHERE imported = 0;

-- How far imports from InfluxDB came that did not end.
CREATE TABLE imports (
    what TEXT PRIMARY KEY,
    position TEXT NOT NULL
) WITHOUT ROWID;

-- 1 for a record that was delivered, and set aside when it was delivered again.
ALTER TABLE parked ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;

-- What operators ask of the bridge that serves the file, since other processes must not change its records and cursors.
CREATE TABLE commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, -- replay, status, upgrade or delete
    arguments TEXT NOT NULL, -- JSON
    asked INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT '{}', -- JSON: how far the bridge is
    ended INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX commands_open ON commands (kind, id) WHERE ended = 0;

-- What the destination lost and did not get again. JSON, empty for nothing.
ALTER TABLE destinations ADD COLUMN lost TEXT NOT NULL DEFAULT '';

-- The runs of a project are read from the newest on, without those of other projects.
DROP INDEX sessions_project;
CREATE INDEX sessions_project ON sessions (project, utc_ns);

-- The projects that were removed from the file, and of which a destination may still have points. The bridge that delivers
-- there deletes them.
CREATE TABLE undeleted (
    dest INTEGER NOT NULL REFERENCES destinations (id),
    project TEXT NOT NULL,
    removed INTEGER NOT NULL, -- from the file
    error TEXT NOT NULL DEFAULT '', -- why the destination did not delete them when it was asked
    PRIMARY KEY (dest, project)
) WITHOUT ROWID;

-- What lists of runs show of a report, as JSON: see monitor.Brief.
ALTER TABLE reports ADD COLUMN brief TEXT NOT NULL DEFAULT '';

-- What judging said of the run, without the results that are ok or learning, and what stands for all that it follows from. Empty and
-- NULL when it is not kept.
ALTER TABLE reports ADD COLUMN basis TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN answer BLOB;

-- 1 for an end that no client sent.
ALTER TABLE ends ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;

-- What the runs of a branch measured on a class of machine, for slow growth. It stays when measurements are removed.
CREATE TABLE rollups (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    env TEXT NOT NULL,
    selection TEXT NOT NULL, -- why the runs are partial; empty for whole runs
    UNIQUE (project, branch, env, selection)
);

-- The tests of rollups. They are no series, since these may go with the last measurement.
CREATE TABLE rollup_tests (
    project TEXT NOT NULL,
    id INTEGER NOT NULL, -- within the project
    component TEXT NOT NULL,
    item_path TEXT NOT NULL,
    item TEXT NOT NULL,
    item_variant TEXT NOT NULL,
    kind TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    file TEXT NOT NULL, -- where the last run had it
    PRIMARY KEY (project, id)
) WITHOUT ROWID;

-- Consecutive runs with the medians of what they measured, or one of the last runs.
CREATE TABLE rollup_stretches (
    id INTEGER PRIMARY KEY,
    rollup INTEGER NOT NULL REFERENCES rollups (id),
    first_run TEXT NOT NULL,
    first_ref TEXT NOT NULL, -- commit
    first_ns INTEGER NOT NULL, -- start of the run
    last_run TEXT NOT NULL,
    last_ref TEXT NOT NULL,
    last_ns INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    open INTEGER NOT NULL, -- 1 for a run that is in no stretch yet
    content BLOB NOT NULL -- see rollup_content.go
);
CREATE INDEX rollup_stretches_time ON rollup_stretches (rollup, last_ns, runs, open);

-- Where confirmed changes of tests began. Slow growth is measured from there.
CREATE TABLE rollup_steps (
    rollup INTEGER NOT NULL REFERENCES rollups (id),
    test INTEGER NOT NULL,
    metric TEXT NOT NULL,
    started INTEGER NOT NULL, -- start of the run
    run TEXT NOT NULL,
    scm_ref TEXT NOT NULL,
    PRIMARY KEY (rollup, test, metric, started)
) WITHOUT ROWID;

-- The changes that people accepted. Empty texts choose everything.
CREATE TABLE acceptances (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- people name it, and kept reports do
    project TEXT NOT NULL,
    branch TEXT NOT NULL,
    started INTEGER NOT NULL, -- start of the accepted run
    content BLOB NOT NULL, -- JSON without the id and the results, like that of reports
    results BLOB NOT NULL -- JSON of the regressions that are accepted, like that of reports
);
CREATE INDEX acceptances_branch ON acceptances (project, branch, started);

-- The tests that the report has results of, 8 bytes of each: see report_tests.go.
ALTER TABLE reports ADD COLUMN tests BLOB;

-- The sessions of the run that is being removed since it is old. Their hashes have the name of no project.
CREATE TABLE removing (
    session INTEGER PRIMARY KEY REFERENCES hashes (id)
);

-- How many old runs and records were removed, in all. One row, or none.
CREATE TABLE retention (
    id INTEGER PRIMARY KEY, -- 1
    runs INTEGER NOT NULL,
    records INTEGER NOT NULL
);

-- A removed metric is found here by its number.
CREATE INDEX clocks_seq ON clocks (seq);
