package influx

import (
	"context"
	"errors"
	"iter"
	"slices"

	"pymon-bridge/monitor"
)

// Samples implements [monitor.HistoryStore]. The metrics of a session are found up to seven days after it, and as long
// as no more than six hours lie between two of them.
//
// Samples are read by InfluxQL, which gives a point as one row: Flux, which gives a row for each field of each point,
// takes InfluxDB five times as much work. Where there is no InfluxQL they are read by Flux.
func (s *Store) Samples(ctx context.Context, runs []*monitor.RunHead) iter.Seq2[monitor.Sample, error] {
	return listed(ctx, func(yield func(monitor.Sample) bool) error {
		err := s.samples(ctx, runs, func(found monitor.Sample) error {
			if !yield(found) {
				return errStopped
			}
			return nil
		})
		if errors.Is(err, errStopped) {
			return nil
		}
		return err
	})
}

// errStopped says that whoever reads wants no more.
var errStopped = errors.New("stopped")

func (s *Store) samples(ctx context.Context, runs []*monitor.RunHead, visit func(monitor.Sample) error) error {
	byProject := map[string][]*monitor.RunHead{}
	for _, run := range runs {
		byProject[run.Project] = append(byProject[run.Project], run)
	}
	for project, some := range byProject {
		h, err := s.history(ctx, project, some)
		if err != nil {
			return err
		}
		h.visit = visit
		if err := h.read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// history is the reading of what runs of one project measured.
type history struct {
	store   *Store
	project string
	of      map[string]*sessionOf // by encoded hash
	plan    *windows
	visit   func(monitor.Sample) error

	tests     map[string]*test
	series    map[monitor.Series]*monitor.Series
	locations map[string]string
	cut       *cutTexts
	key       []byte
}

// sessionOf is a session that is read.
type sessionOf struct {
	*progress
	hash string
	run  *monitor.RunHead
}

// test is what the samples of a test on one class of machine have in common.
type test struct {
	series *monitor.Series
	env    string
}

// history finds out when the sessions of runs began. One that InfluxDB does not know has begun with its run.
func (s *Store) history(ctx context.Context, project string, runs []*monitor.RunHead) (*history, error) {
	h := &history{store: s, project: project, of: map[string]*sessionOf{}, tests: map[string]*test{},
		series: map[monitor.Series]*monitor.Series{}, locations: map[string]string{}, cut: newCutTexts(s, project)}
	for _, run := range runs {
		for _, hash := range run.Sessions {
			h.of[EncodeText(hash)] = &sessionOf{&progress{start: run.Started}, hash, run}
		}
	}
	all, err := s.entries(ctx, sessionDirectory, lookFor{project: project})
	if err != nil {
		return nil, err
	}
	var starts []int64
	for _, e := range all {
		starts = append(starts, e.at)
		if of := h.of[EncodeText(e.hash)]; of != nil {
			of.start = e.at
		}
	}
	slices.Sort(starts)
	var wanted []*progress
	for _, of := range h.of {
		wanted = append(wanted, of.progress)
	}
	h.plan = newWindows(wanted, starts)
	return h, nil
}

// read reads all samples.
func (h *history) read(ctx context.Context) error {
	project, _ := EncodeTag(h.project)
	err := h.store.rowsOf(ctx, h.plan, sampleQuery, params{"project": project}, func(r *row) (bool, error) { return h.take(ctx, r) })
	if errors.Is(err, errElsewhere) {
		return h.readPoints(ctx)
	}
	return err
}

// sampleQuery asks for samples of a project in the order of columnTotal and those that follow it.
const sampleQuery = `SELECT total_time, user_time, kernel_time, mem_usage, session_h, item_fs_loc, component, env, item, item_variant` +
	` FROM ` + MetricMeasurement + ` WHERE project = $project AND kind = 'function' AND %s GROUP BY item_path`

// The columns of rows, after the time.
const (
	columnTotal = 1 + iota
	columnUser
	columnKernel
	columnMem
	columnSession
	columnLocation
	columnComponent
	columnEnv
	columnItem
	columnVariant
)

// take makes a sample of a row, if it is of a session that is wanted.
func (h *history) take(ctx context.Context, r *row) (wanted bool, err error) {
	if len(r.texts) <= columnVariant {
		return false, nil
	}
	of := h.of[string(r.texts[columnSession])]
	if of == nil {
		return false, nil
	}
	t, err := h.test(ctx, r)
	if err != nil {
		return false, err
	}
	return true, h.hand(of, monitor.Sample{Series: t.series, Env: t.env, Location: h.location(r.texts[columnLocation]), Start: r.time,
		TotalTime: r.floats[columnTotal], CPUTime: r.floats[columnUser] + r.floats[columnKernel], MemUsage: r.floats[columnMem]})
}

// hand completes a sample and hands it over.
func (h *history) hand(of *sessionOf, found monitor.Sample) error {
	of.last = max(of.last, found.Start)
	found.Run, found.Session = of.run, of.hash
	return h.visit(found)
}

// location returns the text of an encoded file name, the same one for all samples.
func (h *history) location(encoded []byte) string {
	text, ok := h.locations[string(encoded)]
	if !ok {
		text = DecodeText(string(encoded))
		h.locations[string(encoded)] = text
	}
	return text
}

// share returns the one pointer to a series.
func (h *history) share(series monitor.Series) *monitor.Series {
	known := h.series[series]
	if known == nil {
		known = &series
		h.series[series] = known
	}
	return known
}

// test returns what the row's test is called.
func (h *history) test(ctx context.Context, r *row) (*test, error) {
	path := r.tags["item_path"]
	h.key = append(append(h.key[:0], path...), 0)
	for _, column := range []int{columnItem, columnVariant, columnComponent, columnEnv} {
		h.key = append(append(h.key, r.texts[column]...), 0) // 0 is in no encoded text
	}
	if known := h.tests[string(h.key)]; known != nil {
		return known, nil
	}
	texts := map[string]string{"item_path": path, "item": string(r.texts[columnItem]), "item_variant": string(r.texts[columnVariant]),
		"component": string(r.texts[columnComponent]), "env": string(r.texts[columnEnv])}
	for name, tag := range texts {
		text, err := h.cut.stable(ctx, name, tag)
		if err != nil {
			return nil, err
		}
		texts[name] = text
	}
	known := &test{env: texts["env"], series: h.share(monitor.Series{Project: h.project, Component: texts["component"],
		ItemPath: texts["item_path"], Item: texts["item"], ItemVariant: texts["item_variant"], Kind: "function"})}
	h.tests[string(h.key)] = known
	return known, nil
}
