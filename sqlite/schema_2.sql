-- Version 2. Tokens expire, and show when they were used. Times are nanoseconds since 1970 in UTC, 0 for never.

ALTER TABLE tokens ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- up to a minute late

-- 1 for a record of any kind that is set aside: the destination does not take it now, although it takes others.
ALTER TABLE parked ADD COLUMN aside INTEGER NOT NULL DEFAULT 0;
CREATE INDEX parked_aside ON parked (dest, seq) WHERE aside = 1;
