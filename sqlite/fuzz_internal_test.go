package sqlite

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// logOf returns a log as SQLite writes it: frames of 512 bytes, each the end of a transaction.
func logOf(frames int) []byte {
	const page = 512
	head := make([]byte, logHeader)
	for i, n := range []uint32{0x377f0682, 3007000, page, 0, 0x11223344, 0x55667788} {
		binary.BigEndian.PutUint32(head[4*i:], n)
	}
	c := checksums{}
	c.stored = c.add(0, head[:24])
	binary.BigEndian.PutUint64(head[24:], c.stored)
	log := head
	for n := range frames {
		frame := make([]byte, frameHeader+page)
		binary.BigEndian.PutUint32(frame, uint32(n%3+1))
		binary.BigEndian.PutUint32(frame[4:], 3)
		copy(frame[8:16], head[16:24])
		frame[frameHeader] = byte(n)
		c.stored = c.add(c.add(c.stored, frame[:8]), frame[frameHeader:])
		binary.BigEndian.PutUint64(frame[16:], c.stored)
		log = append(log, frame...)
	}
	return log
}

// FuzzWalk checks that a walk through any log ends, counts no frame that is not there, and finds pages within the log only.
func FuzzWalk(f *testing.F) {
	whole := logOf(4)
	w := walk{size: int64(len(whole))}
	require.NoError(f, w.read(bufio.NewReader(bytes.NewReader(whole))))
	require.Equal(f, 4, w.used, "the log is as SQLite writes it")
	f.Add(whole)
	f.Add(whole[:len(whole)-9])
	f.Add(append(bytes.Clone(whole), whole[logHeader:]...))
	torn := bytes.Clone(whole)
	torn[logHeader+frameHeader+512+30] ^= 4 // in the second frame
	f.Add(torn)
	lost := bytes.Clone(whole)
	clear(lost[:logHeader])
	f.Add(lost)
	f.Fuzz(func(t *testing.T, log []byte) {
		w := walk{exists: true, size: int64(len(log))}
		require.NoError(t, w.read(bufio.NewReader(bytes.NewReader(log))))
		frames := len(log)/(frameHeader+512) + 1
		assert.LessOrEqual(t, w.used+w.dropped, frames)
		assert.LessOrEqual(t, w.later, w.commits)
		assert.LessOrEqual(t, w.commits, w.dropped)
		assert.LessOrEqual(t, w.badAt, w.size)
		for _, at := range w.pages {
			assert.LessOrEqual(t, at+int64(w.pageSize), w.size)
		}
		logLoss(w, walIndex{}, true, "its log")
	})
}

// A command may begin the log anew after SQLite has told how much of it is copied. Then its frames are others.
func TestALogThatWasBegunAnewIsNotCopiedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log := logOf(5) // of the pages 1, 2, 3, 1 and 2
	require.NoError(t, os.WriteFile(path, log, 0o600))
	head, err := headOf(path)
	require.NoError(t, err)
	copied := func() map[uint32]byte {
		pages := map[uint32]byte{}
		require.NoError(t, eachCopied(path, head, 5, 4, func(number uint32, page []byte) error {
			pages[number] = page[0]
			return nil
		}))
		return pages
	}
	assert.Equal(t, map[uint32]byte{1: 3, 3: 2}, copied())
	log[16]++ // SQLite gives it another salt
	require.NoError(t, os.WriteFile(path, log, 0o600))
	assert.Empty(t, copied())
}

// FuzzRollup checks that a stretch of rollups that can be read is the one that was written, and takes memory as it has bytes.
func FuzzRollup(f *testing.F) {
	c := rollupContent{tests: []uint64{1, 2, 300}}
	for m := range c.values {
		c.values[m] = []float32{1, 2, 3}
	}
	f.Add(c.encode())
	f.Add((&rollupContent{}).encode())
	f.Add([]byte{rollupFormat, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, stored []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, err := decodeRollup(stored)
		runtime.ReadMemStats(&after)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10+64*len(stored)))
		if err != nil {
			return
		}
		assert.IsIncreasing(t, append([]uint64{0}, c.tests...))
		again, err := decodeRollup(c.encode())
		require.NoError(t, err)
		assert.Equal(t, c.tests, again.tests)
		assert.Equal(t, c.encode(), again.encode())
		medians([]*rollupContent{c, again})
	})
}

// FuzzKeptReport checks that a report that can be read is kept as it was.
func FuzzKeptReport(f *testing.F) {
	kept, err := encodeReport(&monitor.Report{Project: "shop", Run: "r\xff", Results: []monitor.Result{{Metric: "cpu_time"}}})
	require.NoError(f, err)
	f.Add(kept)
	f.Add([]byte("\x1f\x8b\x08"))
	f.Add([]byte(`{"suite": {"drift": null}, "results": [null, {}]}`))
	f.Fuzz(func(t *testing.T, stored []byte) {
		r, err := decodeReport(stored)
		if err != nil {
			return
		}
		first, err := encodeReport(r)
		if err != nil {
			return // a text that is no time, as of a year of five digits
		}
		r, err = decodeReport(first)
		require.NoError(t, err)
		second, err := encodeReport(r)
		require.NoError(t, err)
		assert.Equal(t, string(first), string(second))
	})
}
