package web_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestOthersReadWhileARunIsRead checks that the first look at a large run does not keep other projects waiting until all of it is
// read.
func TestOthersReadWhileARunIsRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(&fakeStore{projects: []string{"shop", "other"}, runs: 1, tests: 45_000})
		other, read := 0, 0
		s.store.sampled = func(n int) {
			if n == 1 {
				go func() {
					other = s.get("/p/other/find").Code
					read = n
				}()
				synctest.Wait()
				assert.Zero(t, other, "there is one turn")
			}
			if n == 44_000 {
				synctest.Wait()
				assert.Equal(t, http.StatusOK, other, "before the run is read")
			}
		}
		assert.Equal(t, http.StatusOK, s.get("/p/shop/runs/run-1").Code)
		synctest.Wait()
		assert.Equal(t, 1, read)
	})
}

// TestWhoWaitsForARunHoldsUpNobody checks that a second look at a run that is being read leaves its turn to others.
func TestWhoWaitsForARunHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(&fakeStore{projects: []string{"shop", "other"}, runs: 1, tests: 10})
		s.turns.AtOnce = 2
		s.store.sampled = func(n int) {
			if n == 1 {
				go s.get("/p/shop/runs/run-1")
				synctest.Wait()
				assert.Equal(t, http.StatusOK, s.get("/p/other/find").Code)
			}
		}
		s.get("/p/shop/runs/run-1")
		synctest.Wait()
		assert.Equal(t, 1, s.store.samples)
	})
}

// TestRestsMakeNoLivePageOlder checks that a run under way is read again after ten times as long as the last reading took without
// the rests that it had.
func TestRestsMakeNoLivePageOlder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(&fakeStore{projects: []string{"shop"}, runs: 1, tests: 20_000, open: 1})
		s.turns.Rest, s.pages.Now = func() float64 { return 1 }, time.Now
		s.store.sampled = func(n int) {
			if n == 1 {
				time.Sleep(800 * time.Millisecond)
			}
		}
		begun := time.Now()
		s.get("/p/shop/runs/run-1")
		assert.Equal(t, 1600*time.Millisecond, time.Since(begun), "it rested as long as it read")
		s.store.records++
		time.Sleep(5 * time.Second)
		s.get("/p/shop/runs/run-1")
		assert.Equal(t, 1, s.store.samples)
		time.Sleep(5 * time.Second)
		s.get("/p/shop/runs/run-1")
		assert.Equal(t, 2, s.store.samples)
	})
}
