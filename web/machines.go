package web

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// machineRow says how fast a class of machine was over runs.
type machineRow struct {
	Env   string         `json:"env"`
	Runs  int            `json:"runs"`
	Speed monitor.Number `json:"speed"` // CPU time of the last run there, as a ratio to its baseline
	Slow  bool           `json:"slow"`
	Wall  monitor.Number `json:"wall,omitempty"` // the same of the wall time, which may be why it is slow; 0 when unknown
	Trend line           `json:"-"`
}

// machines returns the classes of machine of some runs. The latest run comes first in rows.
func machines(rows []*runRow) (all []*machineRow) {
	by := map[string]*machineRow{}
	for _, row := range slices.Backward(rows) {
		for _, env := range row.Envs {
			m := by[env]
			if m == nil {
				m = &machineRow{Env: env, Speed: monitor.Number(math.NaN()), Trend: line{Usual: math.NaN(), Limit: math.NaN(), Status: "ok"}}
				by[env] = m
				all = append(all, m)
			}
			m.Runs++
			m.add(row.brief)
		}
	}
	slices.SortFunc(all, func(a, b *machineRow) int { return strings.Compare(a.Env, b.Env) })
	return all
}

// apart returns of each class of machine what tells it from the others: without the words that all begin and end with.
func apart(envs []string) []string {
	words := make([][]string, len(envs))
	for i, env := range envs {
		words[i] = strings.Fields(env)
	}
	for range 2 { // from the front, then from the back
		for !slices.ContainsFunc(words, func(of []string) bool { return len(of) < 2 || of[0] != words[0][0] }) {
			for i, of := range words {
				words[i] = of[1:]
			}
		}
		for _, of := range words {
			slices.Reverse(of)
		}
	}
	names := make([]string, len(envs))
	for i, of := range words {
		names[i] = cmp.Or(strings.Join(of, " "), "unknown machine")
	}
	return names
}

// The data of pages whose tests may be of several classes of machine says which there are.
func (d *runPage) environments() []string        { return d.Run.Envs }
func (d *regressionPage) environments() []string { return d.Envs }

func (d *overviewPage) environments() []string {
	if d.Last == nil {
		return nil
	}
	return d.Last.Envs
}

func (d *testListPage) environments() []string {
	if d.Run == nil || d.Env != "" {
		return nil
	}
	return d.Run.Envs
}

func (d *comparePage) environments() []string {
	if d.Head == nil {
		return nil
	}
	return d.Head.Envs
}

// machine returns what tells the class of machine of a test from the others of the page; "" where there is one only.
func (f *frame) machine(env string) string {
	if d, ok := f.Data.(interface{ environments() []string }); ok {
		envs := d.environments()
		if i := slices.Index(envs, env); i >= 0 && len(envs) > 1 {
			return f.text(apart(envs)[i])
		}
	}
	return ""
}

// Known says whether a report says how fast the machine was.
func (m *machineRow) Known() bool { return !math.IsNaN(float64(m.Speed)) }

// add adds a run by what is known of its report, which may be nil.
func (m *machineRow) add(r *brief) {
	value := math.NaN()
	if r != nil {
		for _, of := range r.suite.Machines {
			if offset, ok := of.Offset[monitor.MetricCPUTime]; ok && of.Env == m.Env {
				value, m.Speed = float64(offset), offset
				m.Slow, m.Wall = of.Status == monitor.StatusSlowMachine, of.Offset[monitor.MetricTotalTime]
			}
		}
	}
	m.Trend.Values = append(m.Trend.Values, value)
}
