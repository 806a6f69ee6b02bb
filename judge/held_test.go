package judge_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// variedHistory has other values in each sample.
type variedHistory struct{ *fakeHistory }

// Samples implements [monitor.HistoryStore].
func (h variedHistory) Samples(ctx context.Context, of monitor.Sort, runs []*monitor.RunInfo) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		for s, err := range h.fakeHistory.Samples(ctx, of, runs) {
			if err == nil {
				s.Location = s.Series.Item + ".py"
				s.TotalTime, s.CPUTime, s.MemUsage = float64(s.Start), float64(s.Start)+1.0/3, 1/float64(s.Start)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// pushes adds commits to a history, each with twelve runs. Tests of a run are those of its number.
func pushes(h *fakeHistory, commits int, first, branch string, tests func(job int) []string) {
	for i := range commits {
		for job := range 12 {
			of := branch
			if branch == "" {
				of = fmt.Sprint("job ", job)
			}
			id := fmt.Sprint(first, i, " ", of, " ", job)
			h.add(id, fmt.Sprint(first, i), of, "ci")
			run := h.runs[len(h.runs)-1]
			run.Sessions = []string{id + " a", id + " b"}
			h.tests[id] = tests(job)
			run.Tests = int64(2 * len(h.tests[id]))
		}
	}
}

// seen is a detector that notes by judged run what it is given, in any order.
type seen map[string][]string

// Judge implements [monitor.Detector].
func (d seen) Judge(c monitor.Comparison, samples iter.Seq2[monitor.Sample, error]) (*monitor.Report, error) {
	var all []string
	for s, err := range samples {
		if err != nil {
			return nil, err
		}
		own := slices.Contains(c.Baseline, s.Run) || slices.Contains(c.Window, s.Run)
		all = append(all, fmt.Sprint(own, s.Run.ID, s.Session, *s.Series, s.Env, s.Location, s.Start, s.TotalTime, s.CPUTime, s.MemUsage))
	}
	slices.Sort(all)
	d[c.Judged().ID] = all
	return &monitor.Report{Run: c.Judged().ID}, nil
}

func same(int) []string { return []string{"a", "b", "c"} }

func shards(job int) []string { return []string{fmt.Sprint("a", job), fmt.Sprint("b", job), "shared"} }

// TestTheHistoryOfACommitIsReadOnce has twelve jobs of one commit, which have most of their history in common. Each run is read once,
// and the detector gets what it gets when each job reads by itself.
func TestTheHistoryOfACommitIsReadOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		branch  string // of the last commit
		against *string
		tests   func(job int) []string
	}{
		"jobs of one branch":                         {"main", nil, same},
		"shards of one branch":                       {"main", nil, shards},
		"jobs of a pull request":                     {"feature", branch("main"), same},
		"jobs of a pull request, with a branch each": {"", branch("main"), shards},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHistory{tests: map[string][]string{}}
			pushes(h, 14, "c", "main", tc.tests)
			pushes(h, 1, "x", tc.branch, tc.tests)
			q := monitor.JudgeQuery{Project: "p", ScmRef: "x0", Branch: tc.against}
			ask := func(maxHeld int) (seen, []string) {
				h.asked = nil
				got := seen{}
				j := newJudge(variedHistory{h}, got)
				j.MaxHeld = maxHeld
				_, err := j.Judge(t.Context(), q)
				require.NoError(t, err)
				return got, slices.Sorted(slices.Values(slices.Concat(h.asked...)))
			}
			alone, each := ask(0)
			assert.Len(t, alone, 12)
			together, once := ask(1_000_000)
			assert.Equal(t, alone, together)
			assert.Equal(t, slices.Compact(slices.Clone(each)), once)
			assert.Greater(t, len(each), 3*len(once))
			some, between := ask(100)
			assert.Equal(t, alone, some)
			assert.Greater(t, len(between), len(once))
			assert.Less(t, len(between), len(each))
		})
	}
}

// readers is a history that counts its readers.
type readers struct {
	*fakeHistory
	n *int
}

// SampleReader implements [monitor.SampleReaders].
func (r readers) SampleReader() monitor.SampleReader {
	*r.n++
	return r.fakeHistory
}

// TestAReportHasOneReader holds that texts are read once for a report, and not for each list and job.
func TestAReportHasOneReader(t *testing.T) {
	t.Parallel()
	h, n := &fakeHistory{tests: map[string][]string{}}, 0
	pushes(h, 3, "c", "main", same)
	_, err := newJudge(readers{h, &n}, seen{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c2"})
	require.NoError(t, err)
	assert.Greater(t, len(h.asked), 12)
	assert.Equal(t, 1, n)
}

// TestWhatIsHeldMakesRoomAgain asks again where there is just enough room, also after errors.
func TestWhatIsHeldMakesRoomAgain(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{tests: map[string][]string{}}
	pushes(h, 6, "c", "main", same)
	j := newJudge(variedHistory{h}, seen{})
	j.MaxHeld = 6 * len(h.runs)
	read := func() int {
		h.asked = nil
		_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c5"})
		if h.fail == nil {
			require.NoError(t, err)
		}
		return len(slices.Concat(h.asked...))
	}
	once := read()
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(slices.Concat(h.asked...)))), once, "each run once")
	lists := 0
	h.before = func() {
		if lists++; lists == 4 { // when most of it is held
			h.fail = monitor.Errorf(monitor.EUnavailable, "away")
		}
	}
	read()
	assert.Error(t, h.fail)
	h.fail = nil
	for range 3 {
		assert.Equal(t, once, read())
	}
}

// TestMeasurementsThatArriveWhileTheyAreReadAreNotLost has a run that measured more than its count says.
func TestMeasurementsThatArriveWhileTheyAreReadAreNotLost(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{tests: map[string][]string{}}
	pushes(h, 3, "c", "main", same)
	for _, run := range h.runs {
		run.Tests--
	}
	got := seen{}
	_, err := newJudge(variedHistory{h}, got).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c2"})
	require.NoError(t, err)
	assert.Len(t, got[h.runs[35].ID], 6*36)
}

var _ monitor.HistoryStore = variedHistory{}
