-- Version 2: what became of the tests of each run.

-- One report for each run that was judged. A report that says something else than the one before it gets a new version,
-- which is greater than that of any other report ever was.
CREATE TABLE reports (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    run TEXT NOT NULL,
    judged INTEGER NOT NULL, -- when it was kept last, also without having changed
    content BLOB NOT NULL, -- JSON, compressed by gzip where that makes it shorter
    UNIQUE (project, run)
);

-- What each destination was told of a run last.
CREATE TABLE told (
    dest INTEGER NOT NULL REFERENCES destinations (id),
    project TEXT NOT NULL,
    run TEXT NOT NULL,
    version INTEGER NOT NULL, -- of the report that was settled, 0 while none is
    content BLOB NOT NULL, -- a report with the results it has, or may have, that are not ok
    UNIQUE (dest, project, run)
);

-- Reports up to this version are settled.
ALTER TABLE destinations ADD COLUMN reports INTEGER NOT NULL DEFAULT 0;

-- When the last metric of a tally arrived. For those of version 1 it is when the last of their session did.
ALTER TABLE tallies ADD COLUMN received INTEGER NOT NULL DEFAULT 0;
UPDATE tallies SET received = l.received
FROM (SELECT session, max(received) AS received FROM metrics GROUP BY session) l WHERE l.session = tallies.session;
