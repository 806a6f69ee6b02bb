package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// binary returns the path of the program under test. PYMON_BRIDGE_BIN names it. Otherwise the program is built now.
//
// If the tests have the race detector, a program that serves has it too: it is about clients at the same time, kills and
// delivery. A command has it not, since it takes five times as long with it. Other tests run the code of commands with the
// race detector in their own process.
func binary(serves bool) (string, error) {
	if bin := os.Getenv("PYMON_BRIDGE_BIN"); bin != "" {
		return bin, nil
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		return "", errors.New("StartBridge needs a TestMain that calls os.Exit(harness.Main(m))")
	}
	race := RaceEnabled && serves
	p, ok := shared.programs[race]
	if !ok {
		p.path = filepath.Join(shared.dir, map[bool]string{false: "pymon-bridge", true: "pymon-bridge-race"}[race])
		p.err = provide(p.path, race)
		shared.programs[race] = p
	}
	return p.path, p.err
}

// provide builds the program in .cache/, where the compiler finds it again and does not link it for each package with tests. It
// then copies it: what another process builds there later is no program of these tests.
func provide(bin string, race bool) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := showSources(root); err != nil {
		return err
	}
	dir := filepath.Join(root, ".cache", "test")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // ends the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	built := filepath.Join(dir, filepath.Base(bin))
	if err := rebuild(root, built, race); err != nil {
		return err
	}
	if out, err := exec.Command("cp", built, bin).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the program: %w\n%s", err, out)
	}
	return nil
}

// rebuild builds a program that may be there. An interrupted build leaves it under another name, where it is not believed: the compiler
// reads only the beginning of a program to see whether it is the right one.
func rebuild(root, bin string, race bool) error {
	unfinished := bin + ".unfinished"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(bin, unfinished); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := build(root, unfinished, race); err != nil {
		return err
	}
	return os.Rename(unfinished, bin)
}

func build(root, bin string, race bool) error {
	args := []string{"build", "-o", bin}
	if race {
		args = append(args, "-race", "-gcflags=modernc.org/...=-race=false -d=checkptr=0", "-gcflags=modernc.org/sqlite=") // as in the Makefile
	}
	cmd := exec.Command("go", append(args, "./cmd/pymon-bridge")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %v: %w\n%s", cmd.Args[1:], err, out)
	}
	return nil
}

// showSources looks at the source files of the program. go test keeps the results of tests until a file changes that the
// tests looked at. It does not see the files that another process reads, such as the compiler.
func showSources(root string) error {
	return filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && len(name) > 1 && name[0] == '.' {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go", ".mod", ".sql", ".html", ".js", ".css", ".json", ".py":
			_, err = os.Stat(path)
		}
		return err
	})
}
