package judge_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
)

// blocked is a judge whose reports are made when the test lets them go on.
func blocked() (j *judge.Judge, leave chan struct{}, asked *[]string) {
	h, begun := history(), []string{}
	leave = make(chan struct{})
	h.runs = append(h.runs, &monitor.RunInfo{Project: "other", ID: "o1", Branch: "main", Started: 1})
	j = newJudge(h, detect(func(c monitor.Comparison) *monitor.Report {
		begun = append(begun, c.Judged().ID)
		<-leave
		return &monitor.Report{Run: c.Judged().ID, Results: []monitor.Result{{Status: monitor.StatusOK}}}
	}))
	return j, leave, &begun
}

// TestQuestionsOfOneProjectKeepNoOtherWaiting has a project ask more than may wait. Another project has the next turn.
func TestQuestionsOfOneProjectKeepNoOtherWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, leave, begun := blocked()
		j.Turns.MaxWaiting = 4
		for n := range 5 {
			go func() {
				_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: fmt.Sprint("m", n+1)})
				assert.NoError(t, err)
			}()
			synctest.Wait()
		}
		_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m6"})
		assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err), "four wait")
		go func() {
			_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "other"})
			assert.NoError(t, err)
		}()
		synctest.Wait()
		assert.Equal(t, []string{"m1"}, *begun, "one report at a time")
		close(leave)
		synctest.Wait()
		assert.Equal(t, []string{"m1", "m2", "o1", "m3", "m4", "m5"}, *begun)
	})
}

// TestALargeCommitKeepsNoOtherProjectWaiting has a project ask about many runs, and again. Another project has a turn between
// two of the runs, and the report that has begun goes on before the next one of its project.
func TestALargeCommitKeepsNoOtherProjectWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, leave, begun := blocked()
		ask := func(q monitor.JudgeQuery) {
			go func() {
				_, err := j.Judge(t.Context(), q)
				assert.NoError(t, err)
			}()
			synctest.Wait()
		}
		ask(monitor.JudgeQuery{Project: "p", ScmRef: "c"})
		ask(monitor.JudgeQuery{Project: "other"})
		ask(monitor.JudgeQuery{Project: "p", Run: "m1"})
		close(leave)
		synctest.Wait()
		assert.Equal(t, []string{"m3", "o1", "m4", "m1"}, *begun)
	})
}

// TestAQuestionThatEndsBetweenTwoRunsLeavesItsPlace has who asked leave while another project has the turn.
func TestAQuestionThatEndsBetweenTwoRunsLeavesItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, leave, begun := blocked()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := j.Judge(ctx, monitor.JudgeQuery{Project: "p", ScmRef: "c"})
			assert.ErrorIs(t, err, context.Canceled)
		}()
		synctest.Wait()
		go func() {
			_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "other"})
			assert.NoError(t, err)
		}()
		synctest.Wait()
		leave <- struct{}{}
		synctest.Wait()
		assert.Equal(t, []string{"m3", "o1"}, *begun)
		cancel()
		synctest.Wait()
		close(leave)
		_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p", Run: "m1"})
		require.NoError(t, err)
		assert.Equal(t, []string{"m3", "o1", "m1"}, *begun)
	})
}

// TestEqualQuestionsShareAnAnswer has many ask the same. One of them leaves, and one changes what it gets.
func TestEqualQuestionsShareAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, leave, begun := blocked()
		q := monitor.JudgeQuery{Project: "p", Head: branch("main")}
		first, stop := context.WithCancel(t.Context())
		for n := range 70 {
			ctx := t.Context()
			if n == 1 { // the first of those that share
				ctx = first
			}
			go func() {
				r, err := j.Judge(ctx, q)
				if n == 1 {
					assert.ErrorIs(t, err, context.Canceled)
					return
				}
				if assert.NoError(t, err) {
					assert.Equal(t, monitor.StatusOK, r.Results[0].Status)
					r.Results[0].Status = monitor.StatusResolved
				}
			}()
			synctest.Wait()
		}
		stop()
		synctest.Wait()
		close(leave)
		synctest.Wait()
		assert.Equal(t, []string{"m6", "m6"}, *begun, "those that came when the first report had begun share the second")
	})
}

// TestNobodyWaitsForAnAnswerWithoutAskers has all that asked leave. Their question leaves its place.
func TestNobodyWaitsForAnAnswerWithoutAskers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, leave, begun := blocked()
		for n := range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				_, err := j.Judge(ctx, monitor.JudgeQuery{Project: "p", Run: fmt.Sprint("m", n+1)})
				assert.ErrorIs(t, err, context.Canceled)
			}()
			synctest.Wait()
			cancel()
			synctest.Wait()
		}
		close(leave)
		_, err := j.Judge(t.Context(), monitor.JudgeQuery{Project: "p"})
		require.NoError(t, err)
		assert.Equal(t, []string{"m1", "m6"}, *begun)
	})
}

// TestAPanicWhileJudgingIsThePanicOfWhoAsked holds that no goroutine ends the program.
func TestAPanicWhileJudgingIsThePanicOfWhoAsked(t *testing.T) {
	t.Parallel()
	j := newJudge(history(), detect(func(monitor.Comparison) *monitor.Report { panic("a fault") }))
	for range 2 { // the first leaves its place
		assert.Panics(t, func() { _, _ = j.Judge(t.Context(), monitor.JudgeQuery{Project: "p"}) })
	}
}
