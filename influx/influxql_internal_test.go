package influx

import (
	"bytes"
	"io"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"
	"pgregory.net/rapid"
)

// answerOf makes a chunk of an answer as InfluxDB does.
func answerOf(tb testing.TB, members ...any) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := msgp.NewWriter(&buf)
	require.NoError(tb, w.WriteMapHeader(uint32(len(members)/2)))
	for _, m := range members {
		require.NoError(tb, w.WriteIntf(m))
	}
	require.NoError(tb, w.Flush())
	return buf.Bytes()
}

type object = map[string]any

// resultOf makes a chunk with rows of one series.
func resultOf(tb testing.TB, partial bool, values ...any) []byte {
	tb.Helper()
	result := object{"statement_id": 0, "messages": []any{object{"level": "x", "text": "y"}}}
	if partial {
		result["partial"] = true
	}
	// A map has no order, but InfluxDB writes the tags before the values.
	var series bytes.Buffer
	w := msgp.NewWriter(&series)
	require.NoError(tb, w.WriteMapHeader(4))
	for _, m := range []any{"name", "test_metrics", "tags", object{"item_path": "tests.a"}, "columns", []any{"time", "f", "s"}, "values", values} {
		require.NoError(tb, w.WriteIntf(m))
	}
	require.NoError(tb, w.Flush())
	result["series"] = []any{msgp.Raw(series.Bytes())}
	return answerOf(tb, "results", []any{result})
}

func TestDecodeInfluxQL(t *testing.T) {
	answer := slices.Concat(
		resultOf(t, true, []any{int64(5), 0.25, "text"}, []any{uint64(6), nil, nil}),
		resultOf(t, false, []any{int64(7), int64(3), "ünï"}, []any{int64(8), true, []byte("no text")}),
	)
	type plain struct {
		time   int64
		f      float64
		s, tag string
	}
	var got []plain
	require.NoError(t, decodeInfluxQL(bytes.NewReader(answer), func(r *row) error {
		require.Len(t, r.floats, 3)
		f := r.floats[1]
		if math.IsNaN(f) {
			f = -1
		}
		got = append(got, plain{r.time, f, string(r.texts[2]), r.tags["item_path"]})
		return nil
	}))
	require.Equal(t, []plain{{5, 0.25, "text", "tests.a"}, {6, -1, "", "tests.a"}, {7, 3, "ünï", "tests.a"}, {8, -1, "", "tests.a"}}, got)
}

func TestDecodeInfluxQLFailures(t *testing.T) {
	none := func(*row) error { return nil }
	whole := resultOf(t, false, []any{int64(5), 0.25, "text"})
	for name, c := range map[string]struct {
		answer []byte
		want   string
	}{
		"an answer that ends too early": {resultOf(t, true, []any{int64(5), 0.25, "text"}), "unexpected EOF"},
		"an error instead of results":   {answerOf(t, "error", "parse error"), "parse error"},
		"an error on the way": {slices.Concat(resultOf(t, true), answerOf(t, "results", []any{object{"error": "timeout"}})),
			"timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, decodeInfluxQL(bytes.NewReader(c.answer), none), c.want)
		})
	}
	for range 20 { // members are in another order each time
		answer := resultOf(t, false, []any{int64(5), 0.25, "text"})
		for n := 1; n < len(answer); n++ {
			require.Error(t, decodeInfluxQL(stream{bytes.NewReader(answer[:n])}, none), "%d bytes of %q", n, answer)
		}
	}
	require.NoError(t, decodeInfluxQL(bytes.NewReader(whole), none))
	require.NoError(t, decodeInfluxQL(bytes.NewReader(nil), none))
	require.ErrorIs(t, decodeInfluxQL(bytes.NewReader(whole), func(*row) error { return errStopped }), errStopped)
	require.ErrorIs(t, decodeInfluxQL(io.MultiReader(bytes.NewReader(whole), broken{}), none), io.ErrClosedPipe)
}

// stream cannot seek, as the body of an answer: to seek beyond its end is no error.
type stream struct{ io.Reader }

// broken fails when it is read.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// What is no answer is an error, and no more.
func TestDecodeInfluxQLAnything(t *testing.T) {
	whole := resultOf(t, false, []any{int64(5), 0.25, "text"})
	rapid.Check(t, func(rt *rapid.T) {
		answer := slices.Clone(whole)
		for i, b := range maps.All(rapid.MapOf(rapid.IntRange(0, len(whole)-1), rapid.Byte()).Draw(rt, "changes")) {
			answer[i] = b
		}
		_ = decodeInfluxQL(bytes.NewReader(answer), func(*row) error { return nil })
	})
}
