package web

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestWhatIsLookedAtOftenStaysInMemory checks that branches that are looked at once do not make a branch be read again.
func TestWhatIsLookedAtOftenStaysInMemory(t *testing.T) {
	p := New(Parts{})
	often := [2]string{"shop", "main"}
	p.followed.Add(often, &followed{number: 1, latest: 7})
	for n := range 2 * maxFollowed {
		assert.NotNil(t, p.known(often, 1, 7), n)
		p.followed.Add([2]string{"shop", fmt.Sprint(n)}, &followed{})
	}
	assert.Equal(t, maxFollowed, p.followed.Len())
	assert.Nil(t, p.known(often, 1, 8), "a report was kept")
	assert.Nil(t, p.known(often, 2, 7), "a report was removed")
}
