package harness

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Disk is a small file system. Only programs that are started through Enter see it.
type Disk struct {
	Dir   string   // path of the disk for these programs
	Enter []string // value for [BridgeConfig].Wrap

	tb    testing.TB
	there string // path of the disk for this process
}

// SmallDisk makes a disk of the given size in bytes. The disk is in memory, in a new mount namespace. Most Linux systems
// allow this to every user. The error says why this system does not.
func SmallDisk(tb testing.TB, size int) (*Disk, error) {
	tb.Helper()
	dir := tb.TempDir()
	log := filepath.Join(tb.TempDir(), "disk.log")
	holder, err := startProcess(exec.Command("unshare", "-rm", "sh", "-c",
		`mount -t tmpfs -o "size=$1" tmpfs "$0" && echo mounted && exec sleep 1800`, dir, strconv.Itoa(size)), log)
	if err != nil {
		return nil, err
	}
	tb.Cleanup(holder.kill)
	err = poll(10*time.Second, holder.done, func() error {
		if text := holder.output(); !strings.HasPrefix(text, "mounted") {
			return errors.New("not mounted: " + text)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("mount a file system in memory: %w", err)
	}
	pid := strconv.Itoa(holder.cmd.Process.Pid)
	return &Disk{
		Dir:   dir,
		Enter: []string{"nsenter", "--target", pid, "--user", "--mount", "--preserve-credentials"},
		tb:    tb,
		there: "/proc/" + pid + "/root" + dir,
	}, nil
}

// Fill takes the free space of the disk and leaves some bytes, like another program that writes to the same disk.
func (d *Disk) Fill(left int64) {
	d.tb.Helper()
	f, err := os.Create(d.ballast())
	if err != nil {
		d.tb.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only the size of the file matters
	if _, err = io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		d.tb.Fatalf("fill %s: %v", d.Dir, err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		err = f.Truncate(max(0, size-left))
	}
	if err != nil {
		d.tb.Fatal(err)
	}
}

// Free gives back the space that Fill took.
func (d *Disk) Free() {
	d.tb.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.tb.Fatal(err)
	}
}

func (d *Disk) ballast() string { return filepath.Join(d.there, "ballast") }

// zeros is an endless file.
type zeros struct{}

// Read implements [io.Reader].
func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
