package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sit takes a seat. The locks of one process are as apart as those of two, since each has opened the file by itself.
func sit(t *testing.T, dir, project string) *seat {
	t.Helper()
	s, err := takeSeat(t.Context(), dir, project)
	require.NoError(t, err)
	return s
}

func TestSeatsShareABridge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := sit(t, dir, "shop")
	pid, url, err := first.bridge()
	require.NoError(t, err)
	assert.Zero(t, pid, "there is no bridge yet")
	assert.Empty(t, url)

	place, err := takeBridgePlace(dir)
	require.NoError(t, err)
	_, err = takeBridgePlace(dir)
	assert.ErrorIs(t, err, unix.EWOULDBLOCK, "there is one bridge")
	pid, url, err = first.bridge()
	require.NoError(t, err)
	assert.NotZero(t, pid, "a bridge that does not serve yet")
	assert.Empty(t, url)
	require.NoError(t, place.announce("http://127.0.0.1:1234"))
	used := place.whileUsed(t.Context())

	second := sit(t, dir, "bank")
	pid, url, err = second.bridge()
	require.NoError(t, err)
	assert.Equal(t, os.Getpid(), pid)
	assert.Equal(t, "http://127.0.0.1:1234", url)
	tokens, err := place.Tokens(t.Context())
	require.NoError(t, err)
	assert.True(t, tokens.Had, "a bridge of run is never open")
	require.Len(t, tokens.Valid, 2)
	for i, s := range []*seat{first, second} {
		assert.Equal(t, []string{"shop", "bank"}[i], tokens.Valid[i].Project)
		assert.Equal(t, sha256.Sum256([]byte(s.token)), tokens.Valid[i].Hash)
	}

	require.NoError(t, first.leave(t.Context()))
	assert.NoError(t, used.Err(), "the second still uses the bridge")
	require.NoError(t, second.users.Close()) // it was killed
	<-used.Done()
	soon, cancel := context.WithTimeoutCause(t.Context(), 3*lockPause, os.ErrDeadlineExceeded)
	defer cancel()
	_, err = takeSeat(soon, dir, "shop")
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "a bridge that ends takes nobody")
	runtime.KeepAlive(place)
}

// A bridge that was killed leaves its address and hashes of tokens behind. Damage to them opens nothing.
func TestRestOfAKilledBridge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, bridgeFile), []byte("1 http://127.0.0.1:1\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, usersFile), []byte("00 shop\nzz\n\n0123456789 \n"), 0o600))
	s := sit(t, dir, "shop")
	pid, url, err := s.bridge()
	require.NoError(t, err)
	assert.Zero(t, pid)
	assert.Empty(t, url)
	place, err := takeBridgePlace(dir)
	require.NoError(t, err)
	tokens, err := place.Tokens(t.Context())
	require.NoError(t, err)
	assert.Len(t, tokens.Valid, 1)
	_, url, err = s.bridge()
	require.NoError(t, err)
	assert.Empty(t, url, "the old address is not that of the new bridge")
	require.NoError(t, place.file.Close())
	require.NoError(t, s.leave(t.Context()))
	rest, err := os.ReadFile(filepath.Join(dir, usersFile))
	require.NoError(t, err)
	assert.Empty(t, rest, "the last user clears the file")
}

func TestLeavingWaitsForABridgeThatEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := sit(t, dir, "shop")
	place, err := takeBridgePlace(dir)
	require.NoError(t, err)
	require.NoError(t, unix.Flock(int(s.users.Fd()), unix.LOCK_UN)) // what an attempt at the exclusive lock does for a moment
	<-place.whileUsed(t.Context()).Done()
	left := make(chan error, 1)
	go func() { left <- s.leave(t.Context()) }()
	select {
	case err := <-left:
		assert.Fail(t, "it did not wait", err)
	case <-time.After(3 * lockPause):
	}
	require.NoError(t, place.file.Close())
	assert.NoError(t, <-left)
}

// The last user asks the bridge to end. When that user dies meanwhile, the next one must not use the bridge that ends.
func TestABridgeThatEndsHasNoAddress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := sit(t, dir, "shop")
	place, err := takeBridgePlace(dir)
	require.NoError(t, err)
	bridge := exec.Command("sleep", "60")
	require.NoError(t, bridge.Start())
	_, err = fmt.Fprintf(place.file, "%d http://127.0.0.1:1\n", bridge.Process.Pid)
	require.NoError(t, err)
	left := make(chan error, 1)
	go func() { left <- s.leave(t.Context()) }()
	_ = bridge.Wait() // the user has ended it
	pid, url, err := (&seat{dir: dir}).bridge()
	require.NoError(t, err)
	assert.NotZero(t, pid, "it still has the data directory")
	assert.Empty(t, url)
	require.NoError(t, place.file.Close())
	assert.NoError(t, <-left)
}

func TestABridgeThatIsStoppedWithdrawsItsAddress(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GOMEMLIMIT", "off")
	s := sit(t, dir, "shop")
	ctx, stop := context.WithCancel(t.Context())
	status := make(chan int, 1)
	m := &Main{Stdout: io.Discard, Stderr: io.Discard}
	go func() { status <- m.Run(ctx, []string{"run-bridge", "--data", dir, "--listen", "127.0.0.1:0"}) }()
	require.NoError(t, untilLocked(t.Context(), func() error {
		if _, url, err := s.bridge(); err != nil || url != "" {
			return err
		}
		return unix.EWOULDBLOCK
	}))
	stop()
	<-status
	text, err := os.ReadFile(filepath.Join(dir, bridgeFile))
	require.NoError(t, err)
	assert.Empty(t, string(text))
	require.NoError(t, s.users.Close())
}

// The log has every bridge, so that one that died can be asked why. The last words are those of the last one.
func TestTheLogOfRunIsBounded(t *testing.T) {
	t.Parallel()
	s := &seat{dir: t.TempDir()}
	for _, tc := range []struct{ before, says string }{
		{"", "first"},
		{"pymon-bridge: first\n", "second"},
		{strings.Repeat("x", maxLog+1), "third"},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, runLog), []byte(tc.before), 0o600))
		log, err := s.openLog()
		require.NoError(t, err)
		assert.Equal(t, "no word", s.lastWords(errors.New("no word")))
		_, err = fmt.Fprintf(log, "pymon-bridge: %s\n", tc.says)
		require.NoError(t, errors.Join(err, log.Close()))
		assert.Equal(t, tc.says, s.lastWords(nil))
		text, err := os.ReadFile(filepath.Join(s.dir, runLog))
		require.NoError(t, err)
		kept := tc.before
		if len(kept) > maxLog {
			kept = ""
		}
		assert.Equal(t, kept+"pymon-bridge: "+tc.says+"\n", string(text))
	}
}

func TestDataDirectory(t *testing.T) {
	for _, tc := range []struct {
		name, repository, here, named, want string
		ignored                             bool
	}{
		{"in a repository", ".git/", "a/b", "", ".pymon-bridge", true},
		{"in a worktree", ".git", "a/b", "", ".pymon-bridge", true},
		{"outside", "", "a/b", "", "a/b/.pymon-bridge", false},
		{"named", ".git/", "a", "../kept/here", "kept/here", true},
		{"named, elsewhere", "a/.git/", "a/b", "../../out", "out", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, err := filepath.EvalSymlinks(t.TempDir())
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(filepath.Join(root, tc.here), 0o700))
			if path := filepath.Join(root, tc.repository); tc.repository != "" && tc.repository[len(tc.repository)-1] == '/' {
				require.NoError(t, os.MkdirAll(path, 0o700))
			} else if tc.repository != "" {
				require.NoError(t, os.WriteFile(path, []byte("gitdir: /elsewhere\n"), 0o600))
			}
			t.Chdir(filepath.Join(root, tc.here))
			for range 2 { // what is there stays
				dir, err := dataDirectory(tc.named)
				require.NoError(t, err)
				assert.Equal(t, filepath.Join(root, tc.want), dir)
			}
			_, err = os.Stat(filepath.Join(root, tc.want, ".gitignore"))
			assert.Equal(t, tc.ignored, err == nil)
		})
	}
}

// A data directory may come with a repository, and its files may be links to files elsewhere.
func TestRunFollowsNoLink(t *testing.T) {
	t.Parallel()
	for _, name := range []string{usersFile, bridgeFile, runLog} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "bashrc")
			require.NoError(t, os.WriteFile(elsewhere, []byte("precious"), 0o600))
			require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, name)))
			s, err := takeSeat(t.Context(), dir, "shop")
			if name == usersFile {
				require.ErrorIs(t, err, unix.ELOOP)
			} else {
				require.NoError(t, err)
				_, _, err = s.bridge()
				_, err2 := takeBridgePlace(dir)
				_, err3 := s.openLog()
				require.ErrorIs(t, errors.Join(err, err2, err3), unix.ELOOP)
			}
			content, err := os.ReadFile(elsewhere)
			require.NoError(t, err)
			assert.Equal(t, "precious", string(content))
		})
	}
}
