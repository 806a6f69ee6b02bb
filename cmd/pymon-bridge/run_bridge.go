package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runLog is the file in the data directory with the logs of the bridges of `run`: that of a bridge which died is there too.
const runLog = "run.log"

// maxLog is the size in bytes above which the log begins anew when a bridge starts.
const maxLog = 1 << 20

// defaultData is the data directory of `run`, in the root of the repository.
const defaultData = ".pymon-bridge"

// dataDirectory returns the data directory that a flag names, or the default one. It creates the directory. In a repository
// it makes git ignore the content.
func dataDirectory(named string) (dir string, err error) {
	if dir = named; dir == "" {
		dir, err = defaultDirectory()
	} else {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if repositoryOf(filepath.Dir(dir)) == "" {
		return dir, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return dir, nil
	}
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("*\n")
	return dir, errors.Join(err, f.Close())
}

// defaultDirectory returns the data directory where no flag names one.
func defaultDirectory() (string, error) {
	here, err := os.Getwd()
	return filepath.Join(cmp.Or(repositoryOf(here), here), defaultData), err
}

// repositoryOf returns the root of the git repository that has a directory, "" for none.
func repositoryOf(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil { // a worktree has a file there
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			return ""
		}
		dir = above
	}
}

// openBridge returns the address of the bridge for the seat. Where none is, it starts one that delivers to InfluxDB as the flags say.
func (s *seat) openBridge(ctx context.Context, influx influxFlags) (url string, err error) {
	variables := environmentOf(os.Environ())
	variables.forBridge(influx)
	var ended <-chan error
	for {
		pid, url, err := s.bridge()
		if err != nil || url != "" {
			return url, err
		}
		if pid == 0 && ended == nil {
			if ended, err = s.startBridge(variables.list()); err != nil {
				return "", err
			}
		}
		select {
		case err := <-ended:
			if err != nil {
				return "", fmt.Errorf("the bridge for the tests does not start: %s", s.lastWords(err))
			}
			ended = nil // another one was faster
		case <-time.After(lockPause):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// startBridge starts a bridge that outlives this process if others use it.
func (s *seat) startBridge(environment []string) (ended <-chan error, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := s.openLog()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// The end of `run` waits for deliveries by itself.
	cmd := exec.Command(program, "run-bridge", "--data", s.dir, "--listen", "127.0.0.1:0", "--stop-after", "2s")
	cmd.Env = environment
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }() // ends with the bridge, or with this process
	return done, nil
}

// openLog opens the log for another bridge. A log that is too long begins anew.
func (s *seat) openLog() (*os.File, error) {
	log, err := os.OpenFile(filepath.Join(s.dir, runLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if s.logged, err = log.Seek(0, io.SeekEnd); err == nil && s.logged > maxLog {
		s.logged, err = 0, log.Truncate(0)
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return log, nil
}

// lastWords returns the last line that the bridge wrote, or err if it wrote none.
func (s *seat) lastWords(err error) string {
	text, _ := os.ReadFile(filepath.Join(s.dir, runLog)) // the error of the bridge says enough
	said := ""
	for line := range strings.Lines(string(text[min(int(s.logged), len(text)):])) {
		if line, ok := strings.CutPrefix(line, "pymon-bridge: "); ok {
			said = strings.TrimSpace(line)
		}
	}
	if said == "" {
		return err.Error()
	}
	return said
}
