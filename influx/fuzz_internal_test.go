package influx

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"pymon-bridge/monitor"
)

// answerOf is an answer to InfluxQL with some rows of three columns.
func answerOf(t testing.TB, partial bool, rows ...[]any) []byte {
	columns, values := []any{"time", "item", "total_time"}, []any{}
	for _, row := range rows {
		values = append(values, row)
	}
	b, err := msgp.AppendIntf(nil, map[string]any{"results": []any{map[string]any{"statement_id": 0, "partial": partial,
		"series": []any{map[string]any{"name": "test_metrics", "columns": columns, "values": values}}}}})
	require.NoError(t, err)
	return b
}

// allocated returns how many bytes of memory a function asks for.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzDecodeRows checks that an answer takes memory as it has bytes, whatever lengths it names, and that rows fit their columns.
func FuzzDecodeRows(f *testing.F) {
	one := answerOf(f, false, []any{int64(1), "test_a", 0.5})
	f.Add(one)
	f.Add(append(answerOf(f, true, []any{int64(1), "test_a", nil}, []any{int64(2), "test_b", true}), one...))
	f.Add(bytes.Replace(one, []byte("\xa6test_a"), []byte("\xdb\xff\xff\xff\xfftest_a"), 1)) // a text of 4 GiB
	f.Add(bytes.Replace(one, []byte("\xa6test_a"), []byte("\xc6\xff\xff\xff\xfftest_a"), 1)) // as many bytes
	f.Add(bytes.Replace(one, []byte("\xa7columns"), []byte("\xa7columnz"), 1))
	f.Add([]byte("\x81\xa5error\xb2database not found"))
	f.Add([]byte("\x81\xa1x" + strings.Repeat("\x91", 1000)))
	f.Fuzz(func(t *testing.T, answer []byte) {
		used := allocated(func() {
			_ = decodeRows(bytes.NewReader(answer), func(r row) error {
				assert.Len(t, r.values, len(r.index))
				return nil
			})
		})
		assert.Less(t, used, uint64(4<<20+256*len(answer)))
	})
}

// FuzzWords checks what is kept of an answer to a delivery: never the token, never more than its limit, and nothing counts as stored
// but what InfluxDB says in the one way.
func FuzzWords(f *testing.F) {
	const secret = "mHf3-K_9sZr2qLw8TtYbN4vXcJ7pAa=="
	f.Add(400, "", []byte(`{"code": "invalid", "message": "unable to parse"}`))
	f.Add(401, "", []byte("Token "+secret))
	f.Add(400, "", []byte(`{"error": "partial write", "data": [{"error_message": "at fault `+secret+`"}]}`))
	f.Add(302, "http://proxy/?"+secret, []byte{})
	f.Add(500, "", []byte(strings.Repeat("x", maxMessage-16)+secret))
	hide := (&token{all: []string{secret}}).hide
	f.Fuzz(func(t *testing.T, status int, location string, body []byte) {
		said, own := words(http.Header{"Location": {location}}, body)
		said = hide(said)
		assert.True(t, utf8.ValidString(said))
		assert.Less(t, len(said), 4*maxMessage)
		assert.NotContains(t, said, secret[:16])
		assert.NotContains(t, said, secret[len(secret)-16:])
		r := answer{status: status, message: said, own: own}.reply()
		assert.Equal(t, status == http.StatusNoContent, r.Kind == monitor.Delivered)
		if r.Kind == monitor.Refused {
			assert.True(t, json.Valid(body), "a proxy's words bury nothing")
		}
		assert.GreaterOrEqual(t, retryAfter(http.Header{"Retry-After": {location}}, time.Unix(0, 0)), time.Duration(0))
	})
}

// FuzzDecode checks that any values in the columns of a point make a record that can be written again.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(0), int64(1), "a", 0.5, "\x00\x01\x02\x03\x04")
	f.Add(uint8(1), int64(-1), "[{\"name\"", 1e308, "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01")
	f.Add(uint8(3), int64(1)<<62, "%ff%", math.Copysign(0, -1), "\x03\x02\x01\x00")
	classes := Classes
	f.Fuzz(func(t *testing.T, class uint8, n int64, text string, number float64, kinds string) {
		i := 0
		p := Decode(classes[int(class)%len(classes)], n, func(string) any {
			if i++; i > len(kinds) {
				return nil
			}
			return []any{text, n, number, true, nil}[kinds[i-1]%5]
		})
		require.NotNil(t, p)
		line := AppendLine(nil, p)
		assert.Equal(t, 1, bytes.Count(append(line, '\n'), []byte("\n")), "%q", line)
	})
}
