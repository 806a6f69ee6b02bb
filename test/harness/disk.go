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

// Disk is a small file system of its own, which only programs see that are started with Enter in front.
type Disk struct {
	Dir   string   // where those programs find it
	Enter []string // goes into [BridgeConfig].Wrap

	tb    testing.TB
	there string // where this process finds it
}

// SmallDisk makes a disk of the given size in bytes, in memory and in a mount namespace of its own, which most Linux
// systems let everybody do. The error says why this one does not.
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
		return nil, fmt.Errorf("mount a file system of one's own: %w", err)
	}
	pid := strconv.Itoa(holder.cmd.Process.Pid)
	return &Disk{
		Dir:   dir,
		Enter: []string{"nsenter", "--target", pid, "--user", "--mount", "--preserve-credentials"},
		tb:    tb,
		there: "/proc/" + pid + "/root" + dir,
	}, nil
}

// Fill takes all the space that is left but for some bytes, as another program would that writes to the same disk.
func (d *Disk) Fill(but int64) {
	d.tb.Helper()
	f, err := os.Create(d.ballast())
	if err != nil {
		d.tb.Fatal(err)
	}
	defer func() { _ = f.Close() }() // what matters is that it takes space
	if _, err = io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		d.tb.Fatalf("fill %s: %v", d.Dir, err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		err = f.Truncate(max(0, size-but))
	}
	if err != nil {
		d.tb.Fatal(err)
	}
}

// Free gives back what Fill took.
func (d *Disk) Free() {
	d.tb.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.tb.Fatal(err)
	}
}

func (d *Disk) ballast() string { return filepath.Join(d.there, "ballast") }

// zeros is a file without an end.
type zeros struct{}

// Read implements [io.Reader].
func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
