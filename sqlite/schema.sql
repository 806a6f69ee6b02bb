-- Version 1. Times are nanoseconds since 1970 in UTC. Columns without a type keep a float's bits.

-- Contexts, sessions, metrics and outcomes share one sequence. last is the last number that was given out. It is
-- stored, so that the number is not given out again when its record is removed.
CREATE TABLE sequence (last INTEGER NOT NULL);
INSERT INTO sequence VALUES (0);

-- The hashes of contexts and sessions as sent. h is first in the index, so that a hash is found without its project.
CREATE TABLE hashes (
    id INTEGER PRIMARY KEY,
    h TEXT NOT NULL,
    project TEXT NOT NULL,
    UNIQUE (h, project)
);

-- The tests and modules. Their texts have no addresses of objects.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    component TEXT NOT NULL,
    item_path TEXT NOT NULL,
    item TEXT NOT NULL,
    item_variant TEXT NOT NULL,
    kind TEXT NOT NULL,
    UNIQUE (project, item_path, item, item_variant, kind, component)
);
CREATE INDEX series_item ON series (item);
CREATE INDEX series_variant ON series (item_variant);

-- Components as sent.
CREATE TABLE components (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    project TEXT NOT NULL,
    UNIQUE (name, project)
);

CREATE TABLE locations (
    id INTEGER PRIMARY KEY,
    item_fs_loc TEXT NOT NULL UNIQUE
);

-- Machines as they were when pytest started.
CREATE TABLE contexts (
    seq INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL UNIQUE REFERENCES hashes (id),
    cpu_count INTEGER NOT NULL,
    cpu_frequency, -- MHz, NULL when absent
    cpu_type TEXT NOT NULL,
    cpu_vendor TEXT,
    ram_total INTEGER NOT NULL, -- MiB
    machine_node TEXT NOT NULL,
    machine_type TEXT NOT NULL,
    machine_arch TEXT NOT NULL,
    system_info TEXT NOT NULL,
    python_info TEXT NOT NULL,
    env TEXT NOT NULL, -- class of machine, decided at acceptance
    received INTEGER NOT NULL
);

-- Pytest processes.
CREATE TABLE sessions (
    seq INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL UNIQUE REFERENCES hashes (id),
    project TEXT NOT NULL,
    run_date TEXT NOT NULL, -- as sent
    scm_ref TEXT, -- commit
    description TEXT NOT NULL, -- as sent
    client TEXT NOT NULL,
    utc_ns INTEGER NOT NULL, -- run_date as an instant
    utc_offset INTEGER NOT NULL, -- offset of the client's clock from UTC, in seconds east of Greenwich
    run TEXT NOT NULL,
    leads INTEGER NOT NULL, -- 1 when the id of the run is this session's hash
    branch TEXT NOT NULL,
    build TEXT NOT NULL,
    machine TEXT NOT NULL,
    imported INTEGER NOT NULL, -- 1 for a session from a file or from InfluxDB, 0 for a session that pytest sent
    states_offset INTEGER NOT NULL, -- 1 when the client stated utc_offset
    completion TEXT NOT NULL, -- complete, partial, or empty when unknown
    method TEXT NOT NULL, -- method of measuring; empty for pytest-monitor's method
    received INTEGER NOT NULL
);
CREATE INDEX sessions_time ON sessions (utc_ns);
CREATE INDEX sessions_project ON sessions (project);
CREATE INDEX sessions_scm ON sessions (scm_ref);
CREATE INDEX sessions_run ON sessions (project, run, utc_ns);
CREATE INDEX sessions_leads ON sessions (project, client, scm_ref, description) WHERE leads = 1;

-- The members of sessions' descriptions, in the order sent.
CREATE TABLE tags (
    session INTEGER NOT NULL REFERENCES hashes (id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT,
    PRIMARY KEY (session, position)
) WITHOUT ROWID;
CREATE INDEX tags_value ON tags (name, value);

-- Measured tests and modules. The session and the context of a metric need not be known.
CREATE TABLE metrics (
    seq INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series (id),
    session INTEGER NOT NULL REFERENCES hashes (id),
    context INTEGER NOT NULL REFERENCES hashes (id),
    location INTEGER NOT NULL REFERENCES locations (id),
    utc_ns INTEGER NOT NULL, -- start; the digits below a microsecond come from a hash of the record
    utc_offset INTEGER NOT NULL,
    received INTEGER NOT NULL,
    total_time, -- seconds; NULL when absent, like the next four columns
    user_time, -- seconds
    kernel_time, -- seconds
    cpu_usage, -- ratio, 1 is one core
    mem_usage -- MiB
);
CREATE UNIQUE INDEX metrics_point ON metrics (series, utc_ns);
-- The next two have all columns that lists are chosen and ordered by. So a list skips pages without reading rows.
CREATE INDEX metrics_session ON metrics (session, utc_ns, series);
CREATE INDEX metrics_time ON metrics (utc_ns, series, session);

-- What each session measured, by context, component and kind as sent.
CREATE TABLE tallies (
    session INTEGER NOT NULL REFERENCES hashes (id),
    context INTEGER NOT NULL REFERENCES hashes (id),
    component INTEGER NOT NULL REFERENCES components (id),
    kind TEXT NOT NULL,
    metrics INTEGER NOT NULL, -- number of metrics
    total_time, -- sum in seconds, like the next two columns; absent values count as 0
    user_time,
    kernel_time,
    first_ns INTEGER NOT NULL, -- start of the metric that started first
    first_offset INTEGER NOT NULL,
    end_ns INTEGER NOT NULL, -- end of the metric that ended last
    end_offset INTEGER NOT NULL,
    received INTEGER NOT NULL, -- arrival of the metric that arrived last
    PRIMARY KEY (session, context, component, kind)
) WITHOUT ROWID;
CREATE INDEX tallies_context ON tallies (context);
CREATE INDEX tallies_component ON tallies (component);

-- The greatest and least measurements of each zone that has metrics. Zone n is the 64 sequence numbers from 64 n. The
-- last zone has no row, since it may still grow. A measurement is NULL when no metric of the zone has it. Zone maps
-- tell which few zones have the greatest and the least metrics.
CREATE TABLE zone_maps (
    id INTEGER PRIMARY KEY, -- n
    first_ns INTEGER NOT NULL, -- start of the metric that started first
    total_time_max, total_time_min,
    user_time_max, user_time_min,
    kernel_time_max, kernel_time_min,
    cpu_usage_max, cpu_usage_min,
    mem_usage_max, mem_usage_min
);

-- What became of tests. Columns that metrics has too mean the same.
CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series (id),
    session INTEGER NOT NULL REFERENCES hashes (id),
    context INTEGER NOT NULL REFERENCES hashes (id),
    location INTEGER NOT NULL REFERENCES locations (id),
    utc_ns INTEGER NOT NULL,
    utc_offset INTEGER NOT NULL,
    received INTEGER NOT NULL,
    total_time,
    user_time,
    kernel_time,
    cpu_usage,
    mem_usage,
    node_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    setup_time, -- seconds; NULL when absent, like the next three columns
    teardown_time, -- seconds
    mem_peak, -- MiB
    mem_test, -- MiB
    UNIQUE (session, node_id)
);
CREATE UNIQUE INDEX outcomes_point ON outcomes (series, utc_ns);

-- The texts of a metric or an outcome as sent. A column is NULL when its text can be rebuilt from the row and the series.
CREATE TABLE texts (
    seq INTEGER PRIMARY KEY,
    item_start_time TEXT,
    component TEXT,
    item_path TEXT,
    item TEXT,
    item_variant TEXT,
    kind TEXT
);

-- The origin of a metric or an outcome that was delivered before its context or session was known. It never changes.
CREATE TABLE pinned_origins (
    seq INTEGER PRIMARY KEY,
    env TEXT NOT NULL,
    run TEXT NOT NULL,
    scm_ref TEXT NOT NULL,
    branch TEXT NOT NULL,
    build TEXT NOT NULL
);

CREATE TABLE destinations (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor INTEGER NOT NULL DEFAULT 0, -- every seq up to here is delivered, parked, set aside or a dead letter
    dead INTEGER NOT NULL DEFAULT 0, -- number of dead letters, kept by triggers
    reports INTEGER NOT NULL DEFAULT 0 -- all reports up to this version are delivered or refused
);

-- Ranges of the sequence, with both ends. Their records were read from a destination, or were removed before it got them,
-- and so are not owed to it.
CREATE TABLE not_owed (
    dest INTEGER NOT NULL REFERENCES destinations (id),
    last INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (dest, last)
) WITHOUT ROWID;

-- Metrics and outcomes up to the cursor that wait for their context or session. Version 2 adds records that are set aside.
CREATE TABLE parked (
    dest INTEGER NOT NULL REFERENCES destinations (id),
    seq INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (dest, seq)
) WITHOUT ROWID;

CREATE TABLE dead_letters (
    dest INTEGER NOT NULL REFERENCES destinations (id),
    seq INTEGER NOT NULL,
    class TEXT NOT NULL,
    status INTEGER NOT NULL,
    reason TEXT NOT NULL,
    buried INTEGER NOT NULL,
    UNIQUE (dest, seq)
);
CREATE TRIGGER dead_letters_added AFTER INSERT ON dead_letters BEGIN
    UPDATE destinations SET dead = dead + 1 WHERE id = NEW.dest;
END;
CREATE TRIGGER dead_letters_removed AFTER DELETE ON dead_letters BEGIN
    UPDATE destinations SET dead = dead - 1 WHERE id = OLD.dest;
END;

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    label TEXT NOT NULL,
    scopes TEXT NOT NULL DEFAULT 'read write', -- what the token allows, as words with spaces between them
    created INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE -- SHA-256 of the secret
);

-- One report for each judged run. A report that differs from the report before it gets a new version, which is greater
-- than all earlier versions of all reports.
CREATE TABLE reports (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    run TEXT NOT NULL,
    judged INTEGER NOT NULL, -- when the report was last kept, changed or not
    content BLOB NOT NULL, -- JSON, compressed with gzip when it is large
    UNIQUE (project, run)
);

-- The tables of pytest-monitor 1.6, for SQL that was written for `.pymon` files. When several projects have the same
-- hash, the views show the record that was accepted first.
CREATE VIEW TEST_SESSIONS AS
SELECT h.h AS SESSION_H, s.run_date AS RUN_DATE, s.scm_ref AS SCM_ID, s.description AS RUN_DESCRIPTION
FROM sessions s JOIN hashes h ON h.id = s.hash
WHERE s.seq = (SELECT min(s2.seq) FROM hashes h2 JOIN sessions s2 ON s2.hash = h2.id WHERE h2.h = h.h);

CREATE VIEW EXECUTION_CONTEXTS AS
SELECT h.h AS ENV_H, c.cpu_count AS CPU_COUNT,
    -- In the plugin's file a whole frequency is an integer.
    CASE WHEN c.cpu_frequency = CAST(c.cpu_frequency AS INTEGER) THEN CAST(c.cpu_frequency AS INTEGER)
        ELSE c.cpu_frequency END AS CPU_FREQUENCY_MHZ,
    c.cpu_type AS CPU_TYPE, c.cpu_vendor AS CPU_VENDOR, c.ram_total AS RAM_TOTAL_MB, c.machine_node AS MACHINE_NODE,
    c.machine_type AS MACHINE_TYPE, c.machine_arch AS MACHINE_ARCH, c.system_info AS SYSTEM_INFO,
    c.python_info AS PYTHON_INFO
FROM contexts c JOIN hashes h ON h.id = c.hash
WHERE c.seq = (SELECT min(c2.seq) FROM hashes h2 JOIN contexts c2 ON c2.hash = h2.id WHERE h2.h = h.h);

CREATE VIEW TEST_METRICS AS
SELECT sh.h AS SESSION_H, ch.h AS ENV_H,
    coalesce(t.item_start_time, strftime('%Y-%m-%dT%H:%M:%S', m.clock / 1000000, 'unixepoch') ||
        CASE m.clock % 1000000 WHEN 0 THEN '' ELSE printf('.%06d', m.clock % 1000000) END) AS ITEM_START_TIME,
    coalesce(t.item_path, r.item_path) AS ITEM_PATH,
    coalesce(t.item, r.item) AS ITEM,
    coalesce(t.item_variant, r.item_variant) AS ITEM_VARIANT,
    l.item_fs_loc AS ITEM_FS_LOC,
    coalesce(t.kind, r.kind) AS KIND,
    coalesce(t.component, r.component) AS COMPONENT,
    m.total_time AS TOTAL_TIME, m.user_time AS USER_TIME, m.kernel_time AS KERNEL_TIME,
    m.cpu_usage AS CPU_USAGE, m.mem_usage AS MEM_USAGE
FROM (
    -- clock is the time on the client's clock in microseconds since 1970; it is never negative.
    SELECT *, (utc_ns + utc_offset * 1000000000) / 1000 AS clock FROM metrics
) m
JOIN series r ON r.id = m.series
JOIN hashes sh ON sh.id = m.session
JOIN hashes ch ON ch.id = m.context
JOIN locations l ON l.id = m.location
LEFT JOIN texts t ON t.seq = m.seq;
