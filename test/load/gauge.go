package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"pymon-bridge/test/harness"
)

// gauges are the values that must not grow. Their names are those of the bridge's metrics.
var gauges = []struct {
	title, metric string
	bytes         bool
	slack         float64 // growth that means nothing: there are hundreds of clients
}{
	{"resident memory", "process_resident_memory_bytes", true, 4 << 20},
	{"heap in use", "go_memstats_heap_inuse_bytes", true, 4 << 20},
	{"goroutines", "go_goroutines", false, 100},
	{"descriptors", "process_open_fds", false, 100},
	{"log of the file", logSize, true, 4 << 20},
}

// logSize stands for the size of SQLite's log, which no metric has.
const logSize = "pymon.db-wal"

// course has the values of the gauges, one each second.
type course [][]float64 // by gauge

// watch reads the gauges each second until the end.
func watch(b *harness.Bridge, end time.Time) course {
	c := make(course, len(gauges))
	for next := time.Now().Add(time.Second); next.Before(end); next = next.Add(time.Second) {
		time.Sleep(time.Until(next))
		metrics := b.Metrics()
		if info, err := os.Stat(filepath.Join(b.Data, logSize)); err == nil {
			metrics[logSize] = float64(info.Size())
		}
		for i, g := range gauges {
			c[i] = append(c[i], metrics[g.metric])
		}
	}
	return c
}

// settled is how many seconds a load needs until it says something about growth. Before, memory is taken for the first time.
const settled = 240

// growthLimit is how much more the last quarter may have than the third one.
const growthLimit = 0.05

// growth compares the median of the last quarter of the load with that of the third one. Medians leave out what is there for some
// seconds only, such as the memory of a judgement. hourly is the growth in an hour if it goes on like this.
func growth(values []float64, slack float64) (hourly float64, flat bool) {
	quarter := len(values) / 4
	if quarter == 0 {
		return 0, true
	}
	third, last := median(values[2*quarter:3*quarter]), median(values[len(values)-quarter:])
	more := last - third
	return more * 3600 / float64(quarter), more <= growthLimit*third || more <= slack
}

func median(values []float64) float64 {
	ascending := slices.Sorted(slices.Values(values))
	return ascending[len(ascending)/2]
}

// rows returns the table of the gauges: their medians in each minute, and whether they are flat.
func (c course) rows() [][]string {
	head := []string{"minute"}
	var rows [][]string
	for i, g := range gauges {
		row := []string{g.title}
		for n, minute := 1, slices.Collect(slices.Chunk(c[i], 60)); n <= len(minute); n++ {
			if i == 0 {
				head = append(head, fmt.Sprint(n))
			}
			row = append(row, show(median(minute[n-1]), g.bytes))
		}
		hourly, flat := growth(c[i], g.slack)
		verdict := map[bool]string{true: "flat", false: "GROWS"}[flat]
		sign := map[bool]string{true: "-", false: "+"}[hourly < 0]
		more := sign + show(math.Abs(hourly), g.bytes)
		if len(c[i]) < settled {
			verdict, more = "too short to say", ""
		}
		rows = append(rows, append(row, more, verdict))
	}
	return append([][]string{append(head, "in an hour", "")}, rows...)
}

func show(value float64, bytes bool) string {
	if bytes {
		return humanize.IBytes(uint64(value))
	}
	return fmt.Sprintf("%.0f", value)
}
