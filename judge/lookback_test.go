package judge_test

import (
	"fmt"
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

// TestRunsWithoutACommitAreEachOne holds that a project without git does not look back further than one with it.
func TestRunsWithoutACommitAreEachOne(t *testing.T) {
	t.Parallel()
	h := &fakeHistory{}
	for i := range 300 {
		h.add(fmt.Sprint("m", i), "", "main", "ci")
	}
	detector := &recorder{}
	_, err := newJudge(h, detector).Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
	require.NoError(t, err)
	assert.Len(t, detector.comparison.Baseline, 160)
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
