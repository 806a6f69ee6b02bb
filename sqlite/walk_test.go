package sqlite_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// crash has the files of a bridge that was killed.
type crash struct {
	files        map[string][]byte // by what follows the path of the file
	acknowledged int               // records
	last         int               // records of the last transaction
	frames       int               // of the log, without those that are left from the first round
}

// crashed loads a file with transactions of several sizes. Its log begins with a second round: it has frames that are
// left from the first one at its end.
func crashed(t *testing.T) crash {
	t.Helper()
	db, path := openNew(t)
	l := newLoad()
	c := crash{files: map[string][]byte{}}
	load := func(transactions int) {
		for n := range transactions {
			c.last = 1 + n%7
			appendAll(t, db, l.records(c.last)...)
			c.acknowledged += c.last
		}
	}
	load(18)
	checkpoint(t, raw(t, path), "RESTART")
	load(6)
	var err error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		c.files[suffix], err = os.ReadFile(path + suffix)
		require.NoError(t, err)
	}
	for log := c.files["-wal"]; bytes.Equal(log[32+4120*c.frames+8:][:8], log[16:24]); {
		c.frames++
	}
	require.Less(t, c.frames, len(c.files["-wal"])/4120, "frames that are left")
	return c
}

// start opens a copy of the files with another log. It returns how many records are there, and what was logged.
func (c crash) start(t *testing.T, log []byte, index bool) (records int, logged string, err error) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	require.NoError(t, err)
	path := filepath.Join(dir, sqlite.FileName)
	files := maps.Clone(c.files)
	files["-wal"] = log
	if !index {
		delete(files, "-shm")
	}
	for suffix, content := range files {
		require.NoError(t, os.WriteFile(path+suffix, content, 0o600))
	}
	var out bytes.Buffer
	db := sqlite.New(path, utcZones(), slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))
	db.MinFree = 0
	if err := db.Open(t.Context()); err != nil {
		for suffix, content := range files {
			now, readErr := os.ReadFile(path + suffix)
			require.NoError(t, readErr)
			assert.True(t, bytes.Equal(content, now), "%s was changed", suffix)
		}
		return 0, out.String(), err
	}
	records = len(next(t, db))
	require.NoError(t, db.Close())
	require.NoError(t, os.RemoveAll(dir))
	return records, out.String(), nil
}

// assertNoSilentLoss starts on a damaged log. Records may be missing only if the start is refused, or if they are those
// of the last transaction and there is a warning. It returns whether the start was refused.
func (c crash) assertNoSilentLoss(t *testing.T, log []byte, index bool, where ...any) (refused bool) {
	t.Helper()
	records, logged, err := c.start(t, log, index)
	switch {
	case err != nil:
		assert.ErrorContains(t, err, "its log pymon.db-wal", where...)
		assert.ErrorContains(t, err, "is damaged", where...)
		return true
	case records == c.acknowledged:
	case index:
		assert.Equal(t, c.acknowledged, records, where...)
	default:
		assert.Equal(t, c.acknowledged-c.last, records, where...)
		assert.Contains(t, logged, "ends in an incomplete transaction", where...)
	}
	return false
}

func TestWholeLogIsReplayedWithoutAWarning(t *testing.T) {
	c := crashed(t)
	for _, index := range []bool{true, false} {
		records, logged, err := c.start(t, c.files["-wal"], index)
		require.NoError(t, err)
		assert.Equal(t, c.acknowledged, records)
		assert.Empty(t, logged)
	}
}

func TestFlippedBitsInTheLogLoseNothingSilently(t *testing.T) {
	c := crashed(t)
	const seed = 20261129
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	whole := c.files["-wal"]
	flip := func(bit int, index bool) bool {
		log := slices.Clone(whole)
		log[bit/8] ^= 1 << (bit % 8)
		return c.assertNoSilentLoss(t, log, index, "bit %d, index %v", bit, index)
	}
	refused := 0
	for n := range 100 {
		if flip(random.IntN(8*len(whole)), n%2 == 0) {
			refused++
		}
	}
	assert.Positive(t, refused)
	for bit := range 8 * 32 {
		if bit%5 == 0 {
			assert.True(t, flip(bit, false), "bit %d of the header", bit)
		}
	}
	for bit := range 8 * 24 { // the header of a frame in the first transaction
		if bit%3 == 0 {
			assert.True(t, flip(8*32+bit, false), "bit %d of the first frame", bit)
		}
	}
	last := c.frames // the frame that ends the transaction before the last one
	for last--; binary.BigEndian.Uint32(whole[32+4120*(last-1)+4:]) == 0; last-- {
	}
	for bit := 8 * 8; bit < 8*16; bit += 8 {
		assert.True(t, flip(8*(32+4120*(last-1))+bit, false), "bit %d of the salts", bit)
	}
	assert.False(t, flip(8*(32+4120*last+7), false), "a frame of the last transaction seems to end it")
	for range 40 { // headers of frames anywhere
		flip(8*(32+4120*random.IntN(len(whole)/4120))+random.IntN(8*24), false)
	}
}

func TestCutLogLosesNothingSilently(t *testing.T) {
	c := crashed(t)
	random := rand.New(rand.NewPCG(7, 0))
	for range 50 {
		cut := 32 + random.IntN(len(c.files["-wal"])-32)
		c.assertNoSilentLoss(t, c.files["-wal"][:cut], true, "cut at byte %d", cut)
	}
	_, logged, err := c.start(t, c.files["-wal"][:32+4120+7], false)
	require.NoError(t, err)
	assert.Contains(t, logged, "ends in an incomplete transaction")
	_, logged, err = c.start(t, nil, true)
	require.NoError(t, err)
	assert.Contains(t, logged, "log is empty, but its index says that it was not")
}

// A power cut may leave any of the last transaction's frames unwritten. That is no damage, and neither are the frames
// that are left from a transaction whose commit failed.
func TestUnfinishedWritesAreNoDamage(t *testing.T) {
	c := crashed(t)
	whole := c.files["-wal"]
	frames := 1 // of the last transaction
	for binary.BigEndian.Uint32(whole[32+4120*(c.frames-frames-1)+4:]) == 0 {
		frames++
	}
	require.Greater(t, frames, 2)
	for n := range frames {
		at := 32 + 4120*(c.frames-frames+n)
		log := slices.Clone(whole)
		clear(log[at : at+4120])
		records, logged, err := c.start(t, log, false)
		require.NoError(t, err, "frame %d", n)
		assert.Equal(t, c.acknowledged-c.last, records)
		assert.Contains(t, logged, "ends in an incomplete transaction")
	}
	last := 32 + 4120*(c.frames-frames)
	log := slices.Concat(whole[:last], whole[last+4120:last+4120*frames]) // frames left from a longer one
	records, _, err := c.start(t, log, false)
	require.NoError(t, err)
	assert.Equal(t, c.acknowledged-c.last, records)
}

// The log stays after a failed commit while other connections are open, and on a failing disk. It may be damaged then.
func TestADamagedLogIsNotReplayedAfterAFailedCommit(t *testing.T) {
	db, path, _ := openLogged(t)
	for n := range 20 {
		appendAll(t, db, record(measured("s1", fmt.Sprint("test_", n), arrival)))
	}
	log, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	db.BreakCommitsUntilReopen(errors.New("disk I/O error"))
	require.Error(t, db.Append(t.Context(), []*monitor.Record{record(machine("m"))}))
	db.BreakCommits(nil)
	log[len(log)/2] ^= 4
	require.NoError(t, os.WriteFile(path+"-wal", log, 0o600))

	require.ErrorContains(t, db.Reopen(), "whole transactions follow it")
	h := db.Health()
	assert.False(t, h.OK)
	assert.Contains(t, h.Detail, "its log pymon.db-wal")
	after, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(log, after), "the log was changed")
}

func TestNoNewFileBesideContent(t *testing.T) {
	for name, remove := range map[string][]string{
		"all but the log":   {"", "-shm", ".lock"},
		"all but the index": {"", "-wal", ".lock"},
		"all but the lock":  {"", "-wal", "-shm"},
		"only the file":     {""},
	} {
		t.Run(name, func(t *testing.T) {
			db, path := newDB(t, utcZones())
			require.NoError(t, db.Open(t.Context()))
			left := map[string][]byte{}
			for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
				content, err := os.ReadFile(path + suffix)
				require.NoError(t, err)
				left[suffix] = content
			}
			require.NoError(t, db.Close())
			require.NoError(t, os.RemoveAll(filepath.Dir(path)))
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			for _, suffix := range remove {
				delete(left, suffix)
			}
			for suffix, content := range left {
				require.NoError(t, os.WriteFile(path+suffix, content, 0o600))
			}
			for _, open := range []func(db *sqlite.DB) error{
				func(db *sqlite.DB) error { return db.Open(t.Context()) },
				func(db *sqlite.DB) error { return db.OpenShared(t.Context()) },
				func(db *sqlite.DB) error { return db.Open(t.Context()) },
			} {
				err := open(dbAt(path, utcZones()))
				assert.ErrorContains(t, err, "it is missing, but its ")
				assert.ErrorContains(t, err, "To begin with a new, empty file instead, move ")
				assert.NoFileExists(t, path)
			}
			for suffix := range left {
				require.NoError(t, os.Remove(path+suffix))
			}
			open(t, dbAt(path, utcZones()))
		})
	}
}

// A start that ended before the file had content leaves a lock. The next start works.
func TestStartAfterAnUnfinishedFirstStart(t *testing.T) {
	_, path := newDB(t, utcZones())
	require.NoError(t, os.WriteFile(path+".lock", []byte("123\n"), 0o600))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	db := open(t, dbAt(path, utcZones()))
	appendAll(t, db, []*monitor.Record{record(machine("m"))}...)
}
