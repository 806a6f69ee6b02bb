package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		p.err = build(p.path, race)
		shared.programs[race] = p
	}
	return p.path, p.err
}

func build(bin string, race bool) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := showSources(root); err != nil {
		return err
	}
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
