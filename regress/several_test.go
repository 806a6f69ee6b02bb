package regress_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pytest is a session of the judged run: which of 30 tests it has, on which class of machine, and when it starts.
type pytest struct {
	from, to int
	env      string
	start    int64 // seconds after the start of the run
}

// TestWhatSeveralSessionsOfARunHave holds that the report says where several measurements of a test in one run became one,
// and only there.
func TestWhatSeveralSessionsOfARunHave(t *testing.T) {
	t.Parallel()
	const added = "several processes of the run measured them, so the times are added up; --tag run=NAME makes each pytest a run"
	const again = "ran again in the same run; of two measurements the lower counts, of more the middle one"
	half, other := pytest{0, 15, "m", 0}, pytest{15, 30, "m", 1}
	all := pytest{0, 30, "m", 0}
	for name, tc := range map[string]struct {
		earlier, judged []pytest
		want            map[string]int64 // number of tests, by reason
	}{
		"one pytest":                      {[]pytest{all}, []pytest{all}, nil},
		"workers of one pytest":           {[]pytest{half, other}, []pytest{half, other}, nil},
		"two classes of machine":          {[]pytest{all}, []pytest{all, {0, 30, "m2", 1}}, nil},
		"two pytests at once":             {[]pytest{all, all}, []pytest{all, {0, 30, "m", 1}}, map[string]int64{added: 30}},
		"two at once, for the first time": {[]pytest{all}, []pytest{all, {0, 30, "m", 1}}, map[string]int64{added: 30}},
		"two that share some tests":       {[]pytest{half, other}, []pytest{half, {10, 30, "m", 1}}, map[string]int64{added: 5}},
		"two by design, one by one":       {[]pytest{all, {0, 30, "m", 60}}, []pytest{all, {0, 30, "m", 60}}, map[string]int64{added: 30}},
		"a job that is run again":         {[]pytest{all}, []pytest{all, {0, 30, "m", 60}}, map[string]int64{again: 30}},
		"some tests run again, twice":     {[]pytest{all}, []pytest{all, {0, 4, "m", 60}, {0, 2, "m", 120}}, map[string]int64{again: 4}},
		"a retry of two workers":          {[]pytest{half, other}, []pytest{half, other, {3, 20, "m", 60}}, map[string]int64{again: 17}},
		"other tests later":               {[]pytest{half, other}, []pytest{half, {15, 30, "m", 60}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSuite(21)
			for run := range s.runs {
				processes := tc.earlier
				if run == 20 {
					processes = tc.judged
				}
				began := s.clock[run]
				for i, p := range processes {
					s.clock[run] = began + p.start*1e9
					for test := p.from; test < p.to; test++ {
						one := s.add(run, fmt.Sprintf("test_%02d", test), s.steady())
						one.Session, one.Env = fmt.Sprint("session", i), p.env
					}
				}
			}
			r := s.last(t)
			require.Positive(t, r.Summary.Tests)
			got := map[string]int64{}
			for _, l := range r.LeftOut {
				got[l.Reason] += l.Tests
			}
			if tc.want == nil {
				tc.want = map[string]int64{}
			}
			assert.Equal(t, tc.want, got)
		})
	}
}
