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

// Disk is a file system. Only programs that are started through Enter see it.
type Disk struct {
	Dir   string   // path of the disk for these programs
	Enter []string // value for [BridgeConfig].Wrap

	There string // path of the disk for this process

	tb     testing.TB
	holder *process
}

// SmallDisk makes a disk of the given size in bytes. The disk is in memory, in a new mount namespace. Most Linux systems
// allow this to every user. The error says why this system does not.
func SmallDisk(tb testing.TB, size int) (*Disk, error) {
	tb.Helper()
	return mount(tb, []string{"-rm"}, `mount -t tmpfs -o "size=$1" tmpfs "$0"`, strconv.Itoa(size))
}

// ImageDisk mounts the image of a file system through a loop device. Only root can. The programs that see the disk believe that
// the system was started since a program outside ran.
func ImageDisk(tb testing.TB, image string) (*Disk, error) {
	tb.Helper()
	boot := filepath.Join(tb.TempDir(), "boot_id")
	if err := os.WriteFile(boot, []byte(Unique("boot")+"\n"), 0o600); err != nil {
		return nil, err
	}
	return mount(tb, []string{"-m"}, `mount -o loop "$1" "$0" && mount --bind "$2" /proc/sys/kernel/random/boot_id`, image, boot)
}

// mount runs a script in a mount namespace that it makes with the flags of unshare. The script has the path of the disk as $0.
func mount(tb testing.TB, namespace []string, script string, args ...string) (*Disk, error) {
	tb.Helper()
	dir := tb.TempDir()
	log := filepath.Join(tb.TempDir(), "disk.log")
	cmd := append(append(namespace, "sh", "-c", script+" && echo mounted && exec sleep 1800", dir), args...)
	holder, err := startProcess(exec.Command("unshare", cmd...), log)
	if err != nil {
		return nil, err
	}
	d := &Disk{Dir: dir, tb: tb, holder: holder}
	tb.Cleanup(d.Close)
	err = poll(10*time.Second, holder.done, func() error {
		if text := holder.output(); !strings.HasPrefix(text, "mounted") {
			return errors.New("not mounted: " + text)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	pid := strconv.Itoa(holder.cmd.Process.Pid)
	d.Enter = []string{"nsenter", "--target", pid, "--mount"}
	if namespace[0] == "-rm" {
		d.Enter = append(d.Enter, "--user", "--preserve-credentials")
	}
	d.There = "/proc/" + pid + "/root" + dir
	return d, nil
}

// Close unmounts the disk when no program uses it any more.
func (d *Disk) Close() { d.holder.kill() }

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

func (d *Disk) ballast() string { return filepath.Join(d.There, "ballast") }

// zeros is an endless file.
type zeros struct{}

// Read implements [io.Reader].
func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
