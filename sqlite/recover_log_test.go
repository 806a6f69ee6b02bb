package sqlite_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRecoverReadsTheLog damages the log of a file whose records are all in the log still.
func TestRecoverReadsTheLog(t *testing.T) {
	t.Parallel()
	db, path := openNew(t)
	fillAll(t, db)
	main, err := os.ReadFile(path)
	require.NoError(t, err)
	log, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	whole := written(t, main)
	require.NoError(t, os.WriteFile(whole+"-wal", log, 0o600))
	r := ruin{want: content(t, whole), places: placesOf(t, whole), refs: referencesOf(t, whole)}
	const frame = 24 + 4096
	frames := (len(log) - 32) / frame
	last := frames // the first frame of the last transaction, which looks like a write that was cut off when it is damaged
	for last--; binary.BigEndian.Uint32(log[32+(last-1)*frame+4:]) == 0; last-- {
	}
	pageOf := func(n int) int { return int(binary.BigEndian.Uint32(log[32+n*frame:])) }
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d; %d frames, the last transaction begins at frame %d", seed, frames, last+1)
	random := rand.New(rand.NewPCG(seed, 0))
	for n := range 6 {
		b := bytes.Clone(log)
		at, bit := random.IntN(32+last*frame), random.IntN(8)
		if n < 2 { // of the header
			at = random.IntN(32)
		} else if n < 4 { // bits for which another bit makes up
			at, bit = 20+4*(n-1), 7
		}
		b[at] ^= 1 << bit
		var hit []int
		if at >= 32 {
			hit = []int{pageOf((at - 32) / frame)}
		}
		from := written(t, main)
		require.NoError(t, os.WriteFile(from+"-wal", b, 0o600))
		result, into, err := recovered(t, from)
		require.NoError(t, err)
		faults, _, _ := excuseOf(r.places, hit).judge(r.refs, r.want, content(t, into))
		what := fmt.Sprintf("bit of byte %d of the log, pages %v", at, hit)
		assert.Empty(t, faults[:min(len(faults), 5)], what)
		assert.Contains(t, result.Notes[0], "The log of the file is damaged", what)
		after, err := os.ReadFile(from + "-wal")
		require.NoError(t, err)
		assert.True(t, bytes.Equal(b, after), "the log is unchanged")
		assert.NoFileExists(t, from+"-shm")
	}
}
