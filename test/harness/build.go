package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// bridgeBinary returns the program under test: the one named by PYMON_BRIDGE_BIN, else one built now, with the race
// detector when the tests have it.
func bridgeBinary() (string, error) {
	if bin := os.Getenv("PYMON_BRIDGE_BIN"); bin != "" {
		return bin, nil
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		return "", errors.New("StartBridge needs a TestMain that calls os.Exit(harness.Main(m))")
	}
	if shared.bridge == "" && shared.buildErr == nil {
		bin := filepath.Join(shared.dir, "pymon-bridge")
		if shared.buildErr = build(bin); shared.buildErr == nil {
			shared.bridge = bin
		}
	}
	return shared.bridge, shared.buildErr
}

func build(bin string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := showSources(root); err != nil {
		return err
	}
	args := []string{"build", "-o", bin}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/pymon-bridge")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %v: %w\n%s", cmd.Args[1:], err, out)
	}
	return nil
}

// showSources makes go test notice what the program is built from: it remembers the results of tests, and which files
// they looked at, but not which ones another process read for them.
func showSources(root string) error {
	return filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && len(name) > 1 && name[0] == '.' {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go", ".mod", ".sql", ".html", ".js", ".css", ".json":
			_, err = os.Stat(path)
		}
		return err
	})
}
