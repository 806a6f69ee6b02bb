package judge_test

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// layouts are pipelines of many runs of one branch, by name. Each says of a job its class of machine and its tests.
var layouts = map[string]func(job int) (env, test string){
	"classes of machine": func(job int) (env, test string) { return fmt.Sprint("ci", job), "a" },
	"shards":             func(job int) (env, test string) { return "ci", fmt.Sprint("shard ", job) },
	"both":               func(job int) (env, test string) { return fmt.Sprint("ci", job/5), fmt.Sprint("shard ", job%5) },
}

// pipeline adds the runs of a commit's jobs. The id of each begins with its job.
func (h *fakeHistory) pipeline(layout string, jobs int, commit, branch string) {
	for job := range jobs {
		env, test := layouts[layout](job)
		id := fmt.Sprint(job, " of ", commit)
		h.add(id, commit, branch, env)
		h.tests[id] = []string{test}
	}
}

// TestHistoryIsThatOfCommits holds that each job of a large matrix has as many runs to compare with as one job alone would.
func TestHistoryIsThatOfCommits(t *testing.T) {
	t.Parallel()
	for layout := range layouts {
		for _, against := range []string{"main", "feature"} {
			for _, jobs := range []int{1, 16, 32} {
				t.Run(fmt.Sprint(jobs, " ", layout, " against ", against), func(t *testing.T) {
					t.Parallel()
					h := &fakeHistory{tests: map[string][]string{}}
					for i := range 25 {
						h.pipeline(layout, jobs, fmt.Sprint("c", i), against)
					}
					h.pipeline(layout, jobs, "x", "feature")
					earlier := map[string]int{} // runs of the same job in the baseline
					j := newJudge(h, detect(func(c monitor.Comparison) *monitor.Report {
						job, _, _ := strings.Cut(c.Judged().ID, " ")
						for _, run := range c.Baseline {
							if strings.HasPrefix(run.ID, job+" ") {
								earlier[job]++
							}
						}
						return &monitor.Report{}
					}))
					_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "x", Branch: &against})
					require.NoError(t, err)
					assert.Len(t, earlier, jobs)
					for job, n := range earlier {
						assert.GreaterOrEqual(t, n, 16, "job %s", job)
					}
				})
			}
		}
	}
}

// TestHistoryIsBounded holds that a branch with ever more runs does not take ever more time and memory.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		jobs, commits int
		commit        string // of the runs before; each has its own where it is empty
		baseline      int
	}{
		"as many commits as are looked at": {1, 300, "", 160},
		"as many runs as are looked at":    {100, 10, "", 640},
		"one commit again and again":       {1, 1000, "again", 640},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHistory{tests: map[string][]string{}}
			for i := range tc.commits {
				commit := tc.commit
				if commit == "" {
					commit = fmt.Sprint("c", i)
				}
				h.pipeline("shards", tc.jobs, commit, "main")
			}
			h.add("last", "x", "feature", "ci")
			detector := &recorder{}
			_, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "last", Branch: branch("main")})
			require.NoError(t, err)
			assert.Len(t, detector.comparison.Baseline, tc.baseline)
		})
	}
}

// TestAHistoryThatIsTooShortForEverIsNamed holds that a report never passes for ever because a branch has more runs of each
// commit than are searched.
func TestAHistoryThatIsTooShortForEverIsNamed(t *testing.T) {
	t.Parallel()
	learns := result("a", "cpu_time", monitor.StatusLearning, 1)
	for name, tc := range map[string]struct {
		jobs, commits int
		samples       int // maximum
		results       []monitor.Result
		missing       bool
	}{
		"many runs of each commit":          {100, 10, 10_000, []monitor.Result{learns}, true},
		"as many as are judged":             {32, 30, 10_000, []monitor.Result{learns}, false},
		"a new branch":                      {100, 5, 10_000, []monitor.Result{learns}, false},
		"some can be judged":                {100, 10, 10_000, []monitor.Result{learns, result("b", "cpu_time", monitor.StatusOK, 1)}, false},
		"many measurements of each commit":  {8, 20, 100, []monitor.Result{learns}, true},
		"many measurements that can be had": {8, 20, 161, []monitor.Result{learns}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHistory{tests: map[string][]string{}}
			for i := range tc.commits {
				h.pipeline("shards", tc.jobs, fmt.Sprint("c", i), "main")
			}
			h.add("last", "x", "feature", "ci")
			j := newJudge(h, detect(func(monitor.Comparison) *monitor.Report {
				r := &monitor.Report{Results: slices.Clone(tc.results)}
				r.Arrange()
				return r
			}))
			j.MaxSamples = tc.samples
			report, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "x", Branch: branch("main")})
			require.NoError(t, err)
			i := slices.IndexFunc(report.LeftOut, func(l monitor.LeftOut) bool { return l.Missing })
			require.Equal(t, tc.missing, i >= 0)
			if tc.missing {
				assert.Equal(t, []string{"last"}, report.LeftOut[i].Runs)
				assert.Contains(t, report.LeftOut[i].Reason, "more runs of each commit than are searched")
			}
		})
	}
}

// TestBuildsCountWithoutCommits holds that a project without git looks back as far as one with it.
func TestBuildsCountWithoutCommits(t *testing.T) {
	t.Parallel()
	for build, want := range map[string]int{"": 160, "b": 2 * 160} {
		h := &fakeHistory{}
		for i := range 403 {
			h.add(fmt.Sprint("m", i), "", "main", "ci")
			if build != "" {
				h.runs[i].Build = fmt.Sprint(build, i/2)
			}
		}
		detector := &recorder{}
		_, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
		require.NoError(t, err)
		assert.Len(t, detector.comparison.Baseline, want)
	}
}

// TestEachJobOfAMatrixHasAWindow holds that the runs of a large pull request confirm each other from the third on.
func TestEachJobOfAMatrixHasAWindow(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{tests: map[string][]string{}}
	for _, commit := range []string{"x", "y", "z"} {
		h.pipeline("classes of machine", 32, "main "+commit, "main")
		h.pipeline("classes of machine", 32, commit, "feature")
	}
	h.runs[1].Environments = []string{monitor.UnknownEnv} // its context may be known by now
	windows, baselines := map[int]int{}, map[int]int{}
	j := newJudge(h, detect(func(c monitor.Comparison) *monitor.Report {
		windows[len(c.Window)]++
		baselines[len(c.Baseline)]++
		return &monitor.Report{}
	}))
	_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "z", Branch: branch("main")})
	require.NoError(t, err)
	assert.Equal(t, map[int]int{3: 32}, windows)
	assert.Equal(t, map[int]int{3: 1, 4: 31}, baselines, "what is not known may be any of them")
}

// TestOtherJobsOfAMatrixAreNotRead holds that a job is judged by the runs on its own class of machine alone, as the time that it
// takes to read the others would grow with the square of the number of jobs.
func TestOtherJobsOfAMatrixAreNotRead(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{tests: map[string][]string{}}
	for i := range 20 {
		h.pipeline("classes of machine", 12, fmt.Sprint("c", i), "main")
	}
	_, err := newJudge(h, &recorder{}).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: "c19"})
	require.NoError(t, err)
	read := slices.Concat(h.asked...)
	assert.Len(t, read, 20*12)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(read))), len(read), "each once")
}

// TestOtherShardsAreReadOnce holds that the shards of a commit do not read the history of all shards anew for each, and that
// small ones do, since other shards tell how fast the machine was.
func TestOtherShardsAreReadOnce(t *testing.T) {
	t.Parallel()
	const shards, commits = 8, 25
	for tests, most := range map[int]int{
		150: shards*commits + shards*commits, // once to know them, and each by its own shard
		50:  shards * shards * commits,
	} {
		h := &fakeHistory{tests: map[string][]string{}}
		for i := range commits {
			for shard := range shards {
				id := fmt.Sprint(shard, " of ", i)
				h.add(id, fmt.Sprint("c", i), "main", "ci")
				for test := range tests {
					h.tests[id] = append(h.tests[id], fmt.Sprint(shard, "-", test+i)) // one is new, and one is gone
				}
			}
		}
		detector := seenRuns{}
		_, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p", ScmRef: fmt.Sprint("c", commits-1)})
		require.NoError(t, err)
		read := len(slices.Concat(h.asked...))
		assert.LessOrEqual(t, read, most, "%d tests", tests)
		if tests < 100 {
			assert.Greater(t, read, most-shards*shards, "%d tests", tests)
		}
		for shard := range shards {
			own := 0
			for id := range detector[fmt.Sprint(shard, " of ", commits-1)] {
				if strings.HasPrefix(id, fmt.Sprint(shard, " ")) {
					own++
				}
			}
			assert.Equal(t, commits, own, "shard %d of %d tests", shard, tests)
		}
	}
}

// seenRuns is a detector that notes by judged run which runs it has samples of.
type seenRuns map[string]map[string]bool

// Judge implements [monitor.Detector].
func (d seenRuns) Judge(c monitor.Comparison, samples iter.Seq2[monitor.Sample, error]) (*monitor.Report, error) {
	seen := map[string]bool{}
	for s, err := range samples {
		if err != nil {
			return nil, err
		}
		seen[s.Run.ID] = true
	}
	d[c.Judged().ID] = seen
	return &monitor.Report{Run: c.Judged().ID}, nil
}
