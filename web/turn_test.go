package web_test

import (
	"net/http"
	"testing"
	"testing/synctest"

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
