package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Two lock files in the data directory let several `run` share one bridge. The kernel releases the locks of a process when
// it ends, in whatever way.
const (
	// usersFile has a shared lock of each `run` that uses the bridge. The bridge ends when it gets the exclusive lock, which
	// keeps new users waiting until the bridge has ended. Each user adds a line with the SHA-256 of its token and its project.
	usersFile = "run.users"
	// bridgeFile has the exclusive lock of the bridge while the bridge lives. Its content is the bridge's process ID and
	// address, from the moment when the bridge serves until it is asked to end.
	bridgeFile = "run.bridge"
)

// lockPause is the time between two attempts to get a lock.
const lockPause = 20 * time.Millisecond

// lock opens a file and tries to lock it. It fails with [unix.EWOULDBLOCK] when another process has a lock in the way. It follows no
// symbolic link: the files of a repository come from others, and so may a link to a file elsewhere.
func lock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// seat is a place among those who use the bridge of a data directory.
type seat struct {
	dir    string
	users  *os.File
	token  string // opens the project of the seat
	logged int64  // length of the log in bytes before the seat started a bridge
}

// bridgeWait bounds the start and the end of the bridge of `run`.
const bridgeWait = 30 * time.Second

// openSeat takes a place at the bridge of a data directory, and starts the bridge where there is none. It says how to ask the bridge.
func openSeat(ctx context.Context, data, project string, influx influxFlags) (*seat, client, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, bridgeWait, fmt.Errorf("the bridge for the tests does not start within %s", bridgeWait))
	defer cancel()
	dir, err := dataDirectory(data)
	if err != nil {
		return nil, client{}, fmt.Errorf("--data: %w", err)
	}
	s, err := takeSeat(ctx, dir, project)
	if err != nil {
		return nil, client{}, fmt.Errorf("--data: %w", err)
	}
	url, err := s.openBridge(ctx, influx)
	if err != nil {
		return nil, client{}, errors.Join(err, s.close())
	}
	return s, client{url, s.token, project}, nil
}

// close gives up the bridge.
func (s *seat) close() error {
	http.DefaultClient.CloseIdleConnections() // the bridge would wait for them
	ctx, cancel := context.WithTimeoutCause(context.Background(), bridgeWait, fmt.Errorf("the bridge does not end within %s", bridgeWait))
	defer cancel()
	return s.leave(ctx)
}

// takeSeat takes a place. While a bridge is ending, it waits.
func takeSeat(ctx context.Context, dir, project string) (*seat, error) {
	s := &seat{dir: dir}
	err := untilLocked(ctx, func() (err error) {
		s.users, err = lock(filepath.Join(dir, usersFile), unix.LOCK_SH)
		return err
	})
	if err != nil {
		return nil, err
	}
	var hash [32]byte
	s.token, hash = newSecret()
	if _, err := fmt.Fprintf(s.users, "%x %s\n", hash, project); err != nil {
		return nil, errors.Join(err, s.users.Close())
	}
	return s, nil
}

func untilLocked(ctx context.Context, get func() error) error {
	for {
		err := get()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(lockPause):
		}
	}
}

// bridge returns the process ID and the address of the bridge. The address is empty while the bridge does not serve yet, and
// the ID is 0 when there is no bridge.
func (s *seat) bridge() (pid int, url string, err error) {
	path := filepath.Join(s.dir, bridgeFile)
	f, err := lock(path, unix.LOCK_SH)
	if err == nil {
		return 0, "", f.Close()
	}
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return 0, "", err
	}
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		_, err = fmt.Sscan(string(text), &pid, &url)
	}
	return max(pid, 1), url, err
}

// leave gives up the place. The last user ends the bridge, and returns when it has ended or ctx is done.
func (s *seat) leave(ctx context.Context) error {
	err := s.endIfLast(ctx)
	return errors.Join(err, s.users.Close())
}

func (s *seat) endIfLast(ctx context.Context) error {
	fd := int(s.users.Fd())
	for range 3 {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return errors.Join(s.users.Truncate(0), s.end(ctx))
		}
		// The attempt has given up the shared lock. So the bridge may have got the exclusive lock, and be ending.
		ended := false
		err = untilLocked(ctx, func() error {
			pid, _, err := s.bridge()
			if ended = err == nil && pid == 0; ended {
				return nil
			}
			return unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB)
		})
		if err != nil || ended {
			return err
		}
	}
	return nil // others stay
}

// end ends the bridge and waits for its end. The caller has the exclusive lock, so nobody uses the bridge.
func (s *seat) end(ctx context.Context) error {
	pid, url, err := s.bridge()
	if err != nil || pid == 0 || url == "" {
		return err // a bridge that does not serve yet ends by itself, since it has no user
	}
	if err := os.Truncate(filepath.Join(s.dir, bridgeFile), 0); err != nil { // this process may be killed before the bridge has ended
		return err
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return untilLocked(ctx, func() error {
		if pid, _, err := s.bridge(); err != nil || pid == 0 {
			return err
		}
		return unix.EWOULDBLOCK
	})
}
