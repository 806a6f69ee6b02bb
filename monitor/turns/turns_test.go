package turns_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		place, err := queue.Take(t.Context(), "a")
		require.NoError(t, err)
		for _, work := range []string{"a1", "a2", "a3", "b1", "b2", "c1"} {
			go func() {
				place, err := queue.Take(t.Context(), work[:1])
				assert.NoError(t, err)
				got = append(got, work)
				place.Leave()
			}()
			synctest.Wait()
		}
		assert.Empty(t, got, "there is one place")
		place.Leave()
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
			place, err := queue.Take(t.Context(), "a")
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if place, err := queue.Take(ctx, "a"); err == nil {
					place.Leave()
				} else {
					assert.ErrorIs(t, err, context.Canceled)
				}
			}()
			synctest.Wait()
			cancel()
			if given {
				place.Leave() // before it has left
			}
			synctest.Wait()
			if !given {
				place.Leave()
			}
			place, err = queue.Take(t.Context(), "b")
			require.NoError(t, err)
			place.Leave()
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
				place, err := queue.Take(t.Context(), work[:1])
				assert.NoError(t, err)
				<-start
				for part := range 3 {
					if part > 0 {
						err = place.Pass(t.Context())
						assert.NoError(t, err)
					}
					got = append(got, fmt.Sprint(work, "-", part))
				}
				place.Leave()
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
		var places []*turns.Place
		for range 2 {
			place, err := queue.Take(t.Context(), "a")
			require.NoError(t, err)
			places = append(places, place)
		}
		for _, project := range []string{"a", "b"} {
			go func() {
				place, err := queue.Take(t.Context(), project)
				assert.NoError(t, err, "one waits of each project")
				place.Leave()
			}()
			synctest.Wait()
		}
		_, err := queue.Take(t.Context(), "a")
		assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
		assert.EqualError(t, err, `1 questions about project "a" wait already: try again later`)
		for _, place := range slices.Backward(places) {
			place.Leave()
		}
	})
}

// TestAPlaceRests has a place rest after a part of the work and at its end, for a second at most. Another project waits from the
// beginning, and gets it after the first rest.
func TestAPlaceRests(t *testing.T) {
	t.Parallel()
	for rest, want := range map[float64][]float64{0: {0.3, 0.3, 0.6, 0.6}, 1: {0.6, 0.6, 1.2, 1.2}, 2: {0.9, 0.9, 1.8, 1.8}, 9: {1.3, 1.3, 2.6, 2.6}} {
		synctest.Test(t, func(t *testing.T) {
			queue := &turns.Queue{AtOnce: 1, MaxWaiting: 1, Rest: func() float64 { return rest }}
			begun := time.Now()
			var got []float64
			note := func() { got = append(got, time.Since(begun).Seconds()) }
			place, err := queue.Take(t.Context(), "a")
			require.NoError(t, err)
			go func() {
				other, err := queue.Take(t.Context(), "b")
				assert.NoError(t, err)
				note()
				other.Leave() // at once, so without a rest
			}()
			time.Sleep(300 * time.Millisecond)
			require.NoError(t, place.Pass(t.Context()))
			note()
			time.Sleep(300 * time.Millisecond)
			place.Leave()
			place.Leave() // does nothing
			require.NoError(t, place.Resume(t.Context()))
			note()
			place.Leave()
			_, err = queue.Take(t.Context(), "a")
			require.NoError(t, err)
			note()
			assert.InDeltaSlice(t, want, got, 1e-6, "rest %v", rest)
		})
	}
}

// TestEachPartRestsForItself has work pass its place twice where nobody waits.
func TestEachPartRestsForItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := &turns.Queue{AtOnce: 1, MaxWaiting: 1, Rest: func() float64 { return 1 }}
		begun := time.Now()
		place, err := queue.Take(t.Context(), "a")
		require.NoError(t, err)
		for range 2 {
			time.Sleep(100 * time.Millisecond)
			require.NoError(t, place.Pass(t.Context()))
		}
		assert.Equal(t, 400*time.Millisecond, time.Since(begun))
		assert.Equal(t, 200*time.Millisecond, place.Away())
	})
}

// TestWhoLeavesWhileAPlaceRestsFreesIt has work give up between two parts. The place rests on, and no longer than that.
func TestWhoLeavesWhileAPlaceRestsFreesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := &turns.Queue{AtOnce: 1, MaxWaiting: 1, Rest: func() float64 { return 2 }}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		place, err := queue.Take(ctx, "a")
		require.NoError(t, err)
		time.Sleep(400 * time.Millisecond)
		assert.ErrorIs(t, place.Pass(ctx), context.DeadlineExceeded)
		place.Leave()                              // it has none
		assert.NoError(t, place.Pass(t.Context())) // nor has it one to pass
		_, err = queue.Take(t.Context(), "b")
		require.NoError(t, err)
		assert.Equal(t, 1200*time.Millisecond, time.Since(begun))
	})
}
