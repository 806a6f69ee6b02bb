package regress_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// TestTwoRuns holds when two runs are enough to confirm, and that a third run of the kind changes nothing.
func TestTwoRuns(t *testing.T) {
	t.Parallel()
	const suspect, regression = monitor.StatusSuspect, monitor.StatusRegression
	for name, c := range map[string]struct {
		factor float64
		before []int // runs that were as slow, by chance
		want   []monitor.Status
	}{
		"overwhelming":          {2, nil, []monitor.Status{suspect, regression, regression, regression}},
		"clear":                 {1.45, nil, []monitor.Status{suspect, suspect, regression, regression}},
		"it did that before":    {2, []int{9}, []monitor.Status{suspect, suspect, regression, regression}},
		"it did that last time": {2, []int{17}, []monitor.Status{suspect, suspect, regression, regression}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSuite(24)
			s.crowd(40)
			s.each("test_slower", func(run int) measured {
				m := measured{cpu: s.noisy(0.2, 0.03), total: s.noisy(0.3, 0.03), mem: 80}
				for _, slow := range append([]int{20, 21, 22, 23}, c.before...) {
					if run == slow {
						m.cpu *= c.factor
					}
				}
				return m
			})
			var got []monitor.Status
			for run := 20; run < 24; run++ {
				x := result(t, s.judge(t, run), "test_slower", monitor.MetricCPUTime)
				got = append(got, x.Status)
				if x.Status == regression {
					assert.Equal(t, "c019 c020", fmt.Sprint(x.LastGood, " ", x.FirstBad))
				}
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// TestOwnMemory holds that the memory that the project's own plugin measures is each test's own: several processes do not
// matter, and neither do the tests before.
func TestOwnMemory(t *testing.T) {
	t.Parallel()
	for env, want := range map[string][]string{
		"ci py3.11":    {"test_00 mem_usage"},
		"ci py3.11 m2": {"test_00 mem_usage", "test_01 mem_usage", "test_02 mem_usage"},
	} {
		s := newSuite(24)
		for i := range 5 {
			s.each(fmt.Sprintf("test_%02d", i), func(run int) measured {
				m := s.steady()
				if run >= 20 && i < 3 {
					m.mem += 40
				}
				return m
			})
		}
		for i := range s.samples {
			s.samples[i].Env = env
		}
		assert.ElementsMatch(t, want, found(s.last(t), monitor.StatusRegression), env)
	}
}

// TestFloorsFitTheMethod holds that small amounts count where they are measured finely.
func TestFloorsFitTheMethod(t *testing.T) {
	t.Parallel()
	for env, want := range map[string][]string{
		"ci py3.11":    nil,
		"ci py3.11 m2": {"test_cpu cpu_time", "test_mem mem_usage"},
	} {
		s := newSuite(24)
		s.crowd(25)
		for name, added := range map[string]measured{"test_cpu": {0.015, 0, 0}, "test_mem": {0, 0, 3}} {
			s.each(name, func(run int) measured {
				m := measured{cpu: s.noisy(0.004, 0.03), total: 0.1, mem: s.noisy(10, 0.001)}
				if run >= 20 {
					m.cpu, m.mem = m.cpu+added.cpu, m.mem+added.mem
				}
				return m
			})
		}
		for i := range s.samples {
			s.samples[i].Env = env
		}
		assert.ElementsMatch(t, want, found(s.last(t), monitor.StatusRegression), env)
	}
}
