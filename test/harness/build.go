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
