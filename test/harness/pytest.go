package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The Python environments of `make python`. Each has pytest-monitor 1.6.6, pytest-xdist, and another version of pytest.
// The second one also has freezegun and Django, which change the clock.
//
// Plugin84 and Plugin92 have pytest 8.4 and 9.2 with the plugins that this project's own plugin has to live with.
const (
	Pytest84 = "pytest84"
	Pytest91 = "pytest91"
	Plugin84 = "plugin84"
	Plugin92 = "plugin92"
)

// pytestWithin bounds the time of a run, because the plugin has no time limit and could wait for ever.
const pytestWithin = 5 * time.Minute

// Pytest says how to run pytest.
type Pytest struct {
	Python string   // a name above, or the path of a Python; [Pytest91] when empty
	Suite  string   // folder of the tests; the sample suite when empty. Each run has a copy of it.
	Args   []string // pytest's arguments, such as "--remote-server", url
	Env    []string // additions to an environment that takes only PATH from outside
	Git    bool     // make the copy a git repository with one commit
}

// PytestRun is a run of pytest.
type PytestRun struct {
	Dir      string // folder with the copy of the suite, where pytest runs
	Database string // the plugin's .pymon file; missing with --no-db
	ScmRef   string // the commit; empty without Git
	ExitCode int    // set by Wait

	tb   testing.TB
	proc *process
}

// Run runs pytest and waits for its end.
func (p Pytest) Run(tb testing.TB) *PytestRun {
	tb.Helper()
	r := p.Start(tb)
	r.Wait()
	return r
}

// Start starts pytest and returns at once.
func (p Pytest) Start(tb testing.TB) *PytestRun {
	tb.Helper()
	python, suite := p.python(tb), p.Suite
	if suite == "" {
		suite = filepath.Join(Root(tb), "test", "testdata", "suite")
	}
	work := tb.TempDir()
	r := &PytestRun{tb: tb, Dir: filepath.Join(work, "suite")}
	r.Database = filepath.Join(r.Dir, ".pymon")
	if err := os.CopyFS(r.Dir, os.DirFS(suite)); err != nil {
		tb.Fatal(err)
	}
	if p.Git {
		r.ScmRef = commitAll(tb, r.Dir)
	}
	cmd := exec.Command(python, append([]string{"-m", "pytest", "-p", "no:cacheprovider"}, p.Args...)...)
	cmd.Dir = r.Dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "LANG=C.UTF-8", "NO_PROXY=*",
		"PYTHONPYCACHEPREFIX=" + bytecode(work)}, p.Env...)
	var err error
	if r.proc, err = startProcess(cmd, filepath.Join(work, "pytest.log")); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.proc.kill)
	return r
}

// Wait waits until pytest has ended and sets ExitCode.
func (r *PytestRun) Wait() {
	r.tb.Helper()
	select {
	case <-r.proc.done:
		r.ExitCode = r.proc.cmd.ProcessState.ExitCode()
	case <-time.After(pytestWithin):
		r.tb.Fatalf("pytest still runs after %v:\n%s", pytestWithin, r.proc.tail())
	}
}

// Output returns the output of pytest so far.
func (r *PytestRun) Output() string { return r.proc.output() }

func (p Pytest) python(tb testing.TB) string {
	tb.Helper()
	name := p.Python
	if name == "" {
		name = Pytest91
	}
	python := name
	if !filepath.IsAbs(name) {
		python = filepath.Join(Root(tb), ".cache", "py", name, "bin", "python")
	}
	if _, err := os.Stat(python); err != nil {
		tb.Fatal(fmt.Errorf("these tests need a real pytest, which `make python` installs: %w", err))
	}
	return python
}

// bytecode returns the folder of Python's bytecode: one for all tests of a binary, so that each module is compiled once. Without
// a TestMain that calls [Main], it is in the folder of the test.
func bytecode(work string) string {
	shared.Lock()
	defer shared.Unlock()
	if shared.dir != "" {
		work = shared.dir
	}
	return filepath.Join(work, "bytecode")
}

// commitAll makes dir a git repository with everything in one commit, and returns the commit's hash.
func commitAll(tb testing.TB, dir string) string {
	tb.Helper()
	var hash []byte
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "--all"},
		{"-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "--message", "Suite"},
		{"rev-parse", "HEAD"},
	} {
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
		if err != nil {
			tb.Fatalf("git %v: %v\n%s", args, err, out)
		}
		hash = out
	}
	return string(hash[:40])
}
