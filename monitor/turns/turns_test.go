package turns_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

// TestTurnsAreFairBetweenProjects has one project ask a lot before another asks once.
func TestTurnsAreFairBetweenProjects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := &turns.Queue{AtOnce: 1, MaxWaiting: 10}
		var got []string
		end, err := queue.Take(t.Context(), "a")
		require.NoError(t, err)
		for _, work := range []string{"a1", "a2", "a3", "b1", "b2", "c1"} {
			go func() {
				end, err := queue.Take(t.Context(), work[:1])
				assert.NoError(t, err)
				got = append(got, work)
				end()
			}()
			synctest.Wait()
		}
		assert.Empty(t, got, "there is one place")
		end()
		synctest.Wait()
		assert.Equal(t, "a1 b1 c1 a2 b2 a3", strings.Join(got, " "))
	})
}

// TestWhoLeavesFreesThePlace has work give up while it waits, and just when it gets its place.
func TestWhoLeavesFreesThePlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := &turns.Queue{AtOnce: 1, MaxWaiting: 1}
		for round := range 200 {
			given := round > 0 // whether it leaves first depends on the scheduler
			end, err := queue.Take(t.Context(), "a")
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if end, err := queue.Take(ctx, "a"); err == nil {
					end()
				} else {
					assert.ErrorIs(t, err, context.Canceled)
				}
			}()
			synctest.Wait()
			cancel()
			if given {
				end() // before it has left
			}
			synctest.Wait()
			if !given {
				end()
			}
			end, err = queue.Take(t.Context(), "b")
			require.NoError(t, err)
			end()
		}
	})
}

// TestAPlaceIsPassedToOtherProjects has work give its place away between its parts. It keeps the place from other work of its own
// project, and where nobody else waits.
func TestAPlaceIsPassedToOtherProjects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := &turns.Queue{AtOnce: 1, MaxWaiting: 10}
		var got []string
		start := make(chan struct{})
		for _, work := range []string{"a1", "a2", "b1"} {
			go func() {
				end, err := queue.Take(t.Context(), work[:1])
				assert.NoError(t, err)
				<-start
				for part := range 3 {
					if part > 0 {
						end, err = queue.Pass(t.Context(), work[:1])
						assert.NoError(t, err)
					}
					got = append(got, fmt.Sprint(work, "-", part))
				}
				end()
			}()
			synctest.Wait()
		}
		close(start)
		synctest.Wait()
		assert.Equal(t, "a1-0 a1-1 b1-0 a1-2 b1-1 a2-0 b1-2 a2-1 a2-2", strings.Join(got, " "))
	})
}

func TestTooManyWaitingAreRefusedForEachProject(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := &turns.Queue{AtOnce: 2, MaxWaiting: 1}
		var ends []func()
		for range 2 {
			end, err := queue.Take(t.Context(), "a")
			require.NoError(t, err)
			ends = append(ends, end)
		}
		for _, project := range []string{"a", "b"} {
			go func() {
				end, err := queue.Take(t.Context(), project)
				assert.NoError(t, err, "one waits of each project")
				end()
			}()
			synctest.Wait()
		}
		_, err := queue.Take(t.Context(), "a")
		assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
		assert.EqualError(t, err, `1 questions about project "a" wait already: try again later`)
		for _, end := range slices.Backward(ends) {
			end()
		}
	})
}
