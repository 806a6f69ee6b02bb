-- Version 2. Tokens expire, and show when they were used. Times are nanoseconds since 1970 in UTC, 0 for never.

ALTER TABLE tokens ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- up to a minute late
