package faults_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/faults/seam"
	"pymon-bridge/test/harness"
)

// faulty is the program with the clock and the files of package seam. It is built once, without the race detector: the
// tests of the usual program have it.
var faulty = sync.OnceValues(buildFaulty)

// buildFaulty builds the sources of the program with seam.Now in place of time.Now. Nothing of the sources changes.
func buildFaulty() (string, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return "", err
	}
	replaced := map[string]string{}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "test" || name == "tools" || len(name) > 1 && name[0] == '.') {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path) // also so that go test knows that this test depends on the file
		if err != nil {
			return err
		}
		changed := withSeam(string(text), path == filepath.Join(root, "cmd", "pymon-bridge", "main.go"))
		if changed == "" {
			return nil
		}
		own := filepath.Join(work, fmt.Sprintf("source-%d.go", len(replaced)))
		replaced[path] = own
		return os.WriteFile(own, []byte(changed), 0o600)
	})
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	list, bin := filepath.Join(work, "overlay.json"), filepath.Join(work, "pymon-bridge-faulty")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-overlay", list, "-o", bin, "./cmd/pymon-bridge")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", cmd.Args[1:], err, out)
	}
	return bin, nil
}

// withSeam returns the source with the clock of package seam; empty for a source that asks no clock. always imports the package
// in any case.
func withSeam(source string, always bool) string {
	text := strings.NewReplacer("time.Now", "seam.Now", "time.Since(", "seam.Since(", "time.Until(", "seam.Until(").Replace(source)
	asks := text != source
	if !asks && !always {
		return ""
	}
	name, used := "_", ""
	if asks {
		name, used = "seam", "\nvar _ time.Duration // the last use of the package may be gone\n"
	}
	at := strings.Index("\n"+text, "\npackage ")
	end := at + strings.Index(text[at:], "\n")
	return text[:end] + "; import " + name + ` "pymon-bridge/test/faults/seam"` + text[end:] + used
}

// newPage returns a page, and the variable that gives it to a program.
func newPage(t *testing.T) (page *seam.Page, env string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page")
	page, err := seam.OpenPage(path)
	require.NoError(t, err)
	return page, seam.Variable + "=" + path
}

// program returns the path of the faulty program.
func program(t *testing.T) string {
	t.Helper()
	bin, err := faulty()
	require.NoError(t, err)
	return bin
}

// command runs a command of the faulty program to its end. killed says that it killed itself.
func command(t *testing.T, env string, args ...string) (out string, status int, killed bool) {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	cmd.Env = append(harness.PlainEnvironment(), env)
	p := harness.StartProcess(t, cmd)
	state := p.Wait()
	return p.Output(), state.ExitCode(), state.ExitCode() == -1
}
