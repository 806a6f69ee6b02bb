package influx

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tags of today are bounded so that no series key can be too long. The check is there for more tags.
func TestLengthLimitOfSeriesKey(t *testing.T) {
	line := func(key int) string {
		const head = `m,a=`
		return head + strings.Repeat(`\ `, (key-len(head))/2) + strings.Repeat("x", (key-len(head))%2) + ` name="v",f=1 1`
	}
	most := maxSeriesKey - separator - len("name")
	require.Empty(t, lengthLimit(line(most)))
	require.Equal(t, "series key too long: 65536 bytes with field name, InfluxDB takes 65535", lengthLimit(line(most+1)))
}
