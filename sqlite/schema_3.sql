-- Version 3: the greatest and least measurements of blocks of 64 records, instead of those of series.

-- Each block of the sequence in which there are metrics, but for the last, which may still grow: block n is the numbers
-- from 64 n. Measurements are NULL where all are absent. They tell which few blocks the greatest and least metrics are in.
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    first_ns INTEGER NOT NULL, -- start of the metric that started first
    total_time_max, total_time_min,
    user_time_max, user_time_min,
    kernel_time_max, kernel_time_min,
    cpu_usage_max, cpu_usage_min,
    mem_usage_max, mem_usage_min
);
INSERT INTO blocks SELECT seq / 64, min(utc_ns), max(total_time), min(total_time), max(user_time), min(user_time),
    max(kernel_time), min(kernel_time), max(cpu_usage), min(cpu_usage), max(mem_usage), min(mem_usage)
FROM metrics WHERE seq < (SELECT max(seq) / 64 * 64 FROM metrics) GROUP BY seq / 64;
DROP TABLE extremes;
