package web

import (
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

// add adds a run by what is known of its report, which may be nil.
func (m *machineRow) add(r *brief) {
	value := math.NaN()
	if r != nil {
		for _, of := range r.suite.Machines {
			if offset, ok := of.Offset[monitor.MetricCPUTime]; ok && of.Env == m.Env {
				value, m.Speed = float64(offset), offset
				m.Slow = of.Status == monitor.StatusSlowMachine
			}
		}
	}
	m.Trend.Values = append(m.Trend.Values, value)
}
