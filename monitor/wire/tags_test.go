package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

func TestSessionHasAtMost256Tags(t *testing.T) {
	for _, quoted := range []bool{false, true} {
		for n, message := range map[int]string{256: "", 257: "expected at most 256 tags, got 257", 330_000: "expected at most 256 tags, got 330000"} {
			var members []string
			for i := range n {
				members = append(members, fmt.Sprintf(`"%d":""`, i))
			}
			description := []byte("{" + strings.Join(members, ",") + "}")
			if quoted {
				var err error
				description, err = json.Marshal(string(description))
				require.NoError(t, err)
			}
			s, err := wire.DecodeSession([]byte(`{"session_h": "s", "run_date": "2024-05-06T07:08:09", "scm_ref": "", "description": ` + string(description) + `}`))
			if message == "" {
				require.NoError(t, err)
				assert.Len(t, s.Tags, n)
				continue
			}
			e, ok := errors.AsType[*monitor.Error](err)
			require.True(t, ok, "%d: %v", n, err)
			assert.Equal(t, monitor.EInvalid, e.Code)
			assert.Equal(t, map[string]string{"description": message}, e.Fields)
		}
	}
}

// TestRefusingTagsIsCheap holds that the tags above the limit are counted, and not made.
func TestRefusingTagsIsCheap(t *testing.T) {
	body := []byte(`{"session_h": "s", "run_date": "2024-05-06T07:08:09", "scm_ref": "", "description": {` +
		strings.Repeat(`"name": [1], `, 100_000) + `"last": 1}}`)
	allocations := testing.AllocsPerRun(1, func() {
		_, err := wire.DecodeSession(body)
		require.Error(t, err)
	})
	assert.Less(t, allocations, 10_000.0)
}
