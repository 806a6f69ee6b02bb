package influx

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A bridge that gets a new token each hour does not remember the tokens of a year, through which each message is searched.
func TestFewTokensAreKept(t *testing.T) {
	var known token
	for i := range 10_000 {
		known.set(fmt.Sprintf("token-%05d", i))
	}
	assert.Len(t, known.all, knownTokens)
	assert.Equal(t, "token-09999", known.present())
	assert.Equal(t, "not [token], and not [token]", known.hide("not token-09998, and not token-09999"))
}
