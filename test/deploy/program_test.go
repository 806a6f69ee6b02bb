package deploy_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// root is the root folder of the repository.
const root = "../.."

// flags are what the program says of its flags.
type flags struct {
	program   string            // path of the built program
	variables map[string]bool   // environment variables that it reads
	defaults  map[string]string // by the name of the flag
}

// build builds the program once for all tests, with the command of `make build`, but into another folder.
var build = sync.OnceValues(func() (string, error) {
	recipe, err := exec.Command("make", "-C", root, "--no-print-directory", "--dry-run", "build").Output()
	if err != nil {
		return "", err
	}
	program := filepath.Join(built, "pymon-bridge")
	cmd := exec.Command("sh", "-ec", strings.ReplaceAll(string(recipe), "-o pymon-bridge", "-o "+program))
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return program, nil
})

// reads says whether the program reads an environment variable, or the file that it names.
func (f flags) reads(variable string) bool {
	return f.variables[variable] || f.variables[strings.TrimSuffix(variable, "_FILE")]
}

// programFlags returns what `pymon-bridge serve --help` says.
func programFlags(t *testing.T) flags {
	t.Helper()
	program, err := build()
	require.NoError(t, err, program)
	help, err := exec.Command(program, "serve", "--help").CombinedOutput()
	require.NoError(t, err, "%s", help)
	f := flags{program, map[string]bool{}, map[string]string{}}
	for _, m := range regexp.MustCompile(`\$([A-Z][A-Z_]+)`).FindAllSubmatch(help, -1) {
		f.variables[string(m[1])] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^ +--(?:\[no-\])?([a-z-]+)(?:=(\S+))?`).FindAllSubmatch(help, -1) {
		f.defaults[string(m[1])] = strings.Trim(string(m[2]), `"`)
	}
	require.NotEmpty(t, f.variables)
	require.Contains(t, f.defaults, "stop-after")
	return f
}

// duration reads a duration such as "10s".
func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

// number reads a whole number.
func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}
