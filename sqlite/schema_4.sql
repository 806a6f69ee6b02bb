-- Version 4: how many metrics of each session and context were delivered with a class of machine that does not follow from
-- these, so that runs are summed up without looking at each metric.
CREATE TABLE noted (
    session INTEGER NOT NULL REFERENCES hashes (id),
    context INTEGER NOT NULL REFERENCES hashes (id),
    env TEXT NOT NULL,
    metrics INTEGER NOT NULL,
    PRIMARY KEY (session, context, env)
) WITHOUT ROWID;
INSERT INTO noted SELECT m.session, m.context, o.env, count(*) FROM origins o CROSS JOIN metrics m ON m.seq = o.seq
GROUP BY m.session, m.context, o.env;
CREATE TRIGGER origins_added AFTER INSERT ON origins BEGIN
    INSERT INTO noted SELECT session, context, NEW.env, 1 FROM metrics WHERE seq = NEW.seq
    ON CONFLICT (session, context, env) DO UPDATE SET metrics = metrics + 1;
END;
