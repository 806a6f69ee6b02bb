package influx

import (
	"context"

	"pymon-bridge/monitor"
)

// measuring adds up what sessions measured, row by row.
type measuring struct {
	of           map[session]*monitor.Run
	progress     map[session]*progress
	environments map[string]string // by tag
	cut          *cutTexts
}

// The columns of rows, after the time.
const (
	measuredTotal = 1 + iota
	measuredUser
	measuredKernel
	measuredOffset
	measuredSession
	measuredEnv
	measuredProject
)

// measureQuery asks for the metrics that runs are summed up from.
const measureQuery = `SELECT total_time, user_time, kernel_time, utc_offset, session_h, env, project` +
	` FROM ` + MetricMeasurement + ` WHERE %s GROUP BY kind`

// measureQueryOf does so for one project.
const measureQueryOf = `SELECT total_time, user_time, kernel_time, utc_offset, session_h, env, project` +
	` FROM ` + MetricMeasurement + ` WHERE project = $project AND %s GROUP BY kind`

// rows reads the metrics of sessions.
func (m *measuring) rows(ctx context.Context, s *Store, project string, all []entry) error {
	starts, err := s.sessionStarts(ctx)
	if err != nil {
		return err
	}
	var wanted []*progress
	for _, e := range all {
		m.progress[e.session] = &progress{start: e.at}
		wanted = append(wanted, m.progress[e.session])
	}
	query, p := measureQuery, params{}
	if project != "" {
		tag, _ := EncodeTag(project)
		query, p = measureQueryOf, params{"project": tag}
	}
	return s.rowsOf(ctx, newWindows(wanted, starts), query, p, func(r *row) (bool, error) { return m.take(ctx, r) })
}

// take adds a row to its run, if it is of one that is wanted.
func (m *measuring) take(ctx context.Context, r *row) (wanted bool, err error) {
	if len(r.texts) <= measuredProject {
		return false, nil
	}
	id := session{DecodeText(string(r.texts[measuredProject])), DecodeText(string(r.texts[measuredSession]))}
	run := m.of[id]
	if run == nil {
		return false, nil
	}
	m.progress[id].last = max(m.progress[id].last, r.time)
	env, known := m.environments[string(r.texts[measuredEnv])]
	if !known {
		tag := string(r.texts[measuredEnv])
		if env, err = m.cut.stable(ctx, "env", tag); err != nil {
			return false, err
		}
		m.environments[tag] = env
	}
	addToRun(run, &monitor.Point{Origin: monitor.Origin{Env: env}, Record: &monitor.Record{Metric: &monitor.Metric{
		Kind: r.tags["kind"], TotalTime: r.floats[measuredTotal], UserTime: r.floats[measuredUser], KernelTime: r.floats[measuredKernel],
		At: monitor.Instant{UTC: r.time, Offset: int32(orZero(r.floats[measuredOffset]))},
	}}})
	return true, nil
}
