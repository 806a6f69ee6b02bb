package influx

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const hour = int64(time.Hour)

// at is the beginning of these tests' time.
const at = 1_000_000 * hour

func TestWindows(t *testing.T) {
	many := func(from, to int64) (starts []int64) {
		for i := range int64(20) {
			starts = append(starts, from+(to-from)*i/20)
		}
		return starts
	}
	for _, c := range []struct {
		name   string
		starts []int64 // of sessions that are read
		others []int64
		lasts  []int64 // of each, after each window
		want   [][]span
	}{
		{"nothing measured", []int64{0}, nil, []int64{0}, [][]span{{{-1, 12}}}},
		{"short", []int64{0}, nil, []int64{5}, [][]span{{{-1, 12}}}},
		{"long", []int64{0}, nil, []int64{6}, [][]span{{{-1, 12}}, {{12, 24}}}},
		{"nightly", []int64{0, 24, 48}, nil, []int64{1, 25, 49}, [][]span{{{-1, 60}}}},
		{"apart", []int64{0, 240}, many(20, 200), []int64{1, 241}, [][]span{{{-1, 12}, {239, 252}}}},
		{"in no order", []int64{240, 0}, many(20, 200), []int64{241, 1}, [][]span{{{-1, 12}, {239, 252}}}},
		{"one of them long", []int64{0, 240}, many(20, 200), []int64{11, 241}, [][]span{{{-1, 12}, {239, 252}}, {{12, 24}}}},
		{"long, and read already", []int64{0, 14}, nil, []int64{11, 15}, [][]span{{{-1, 26}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sessions []*progress
			for _, s := range c.starts {
				sessions = append(sessions, &progress{start: at + s*hour})
			}
			var all []int64
			for _, s := range slices.Concat(c.starts, c.others) {
				all = append(all, at+s*hour)
			}
			slices.Sort(all)
			w := newWindows(sessions, all)
			var got [][]span
			for spans := w.next(); spans != nil; spans = w.next() {
				got = append(got, spans)
				for i, last := range c.lasts {
					sessions[i].last = at + last*hour
				}
			}
			for _, spans := range c.want {
				for i := range spans {
					spans[i] = span{at + spans[i].from*hour, at + spans[i].to*hour}
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// However long sessions last, no moment is read twice, and none up to a lull is left out.
func TestWindowsCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sessions []*progress
		var starts, lasts []int64
		for range rapid.IntRange(1, 6).Draw(t, "sessions") {
			s := at + rapid.Int64Range(0, 400).Draw(t, "start")*hour
			sessions, starts = append(sessions, &progress{start: s}), append(starts, s)
			lasts = append(lasts, s+rapid.Int64Range(0, 160).Draw(t, "hours")*hour)
		}
		slices.Sort(starts)
		w := newWindows(sessions, starts)
		var read []span
		for spans := w.next(); spans != nil; spans = w.next() {
			for _, s := range spans {
				require.Less(t, s.from, s.to)
				for _, r := range read {
					require.True(t, s.to <= r.from || r.to <= s.from, "%v and %v", s, r)
				}
				read = append(read, s)
			}
			for i, p := range sessions {
				for moment := p.start; moment <= lasts[i]; moment += hour {
					if contains(read, moment) {
						p.last = max(p.last, moment)
					}
				}
			}
		}
		for i, p := range sessions {
			for moment := p.start - hour; moment <= lasts[i]; moment += hour {
				require.True(t, contains(read, moment), "%d hours after its start", (moment-p.start)/hour)
			}
		}
	})
}

func contains(spans []span, moment int64) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.from <= moment && moment < s.to })
}
