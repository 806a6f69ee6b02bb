package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allowed are the licences that docs/dependencies.md allows.
var allowed = []string{"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MPL-2.0"}

// TestModulesAreThoseOfTheProgram compares the list of modules with what `go version -m` says of the real program.
func TestModulesAreThoseOfTheProgram(t *testing.T) {
	const root = "../.."
	program := filepath.Join(t.TempDir(), "pymon-bridge")
	_, err := output(root, "go", "build", "-o", program, "./cmd/pymon-bridge")
	require.NoError(t, err)
	content, err := os.ReadFile(program)
	require.NoError(t, err)
	w := &wheel{version: "0.1.0", platform: "linux-amd64", program: content}
	w.info, err = buildinfo.Read(bytes.NewReader(content))
	require.NoError(t, err)
	list, err := modules(root, w, time.Unix(1800000000, 0).UTC())
	require.NoError(t, err)
	var bom cyclonedx.BOM
	require.NoError(t, json.Unmarshal(list, &bom))
	assert.Equal(t, cyclonedx.SpecVersion1_6, bom.SpecVersion)

	said, err := exec.Command("go", "version", "-m", program).Output()
	require.NoError(t, err)
	var want []string
	for line := range strings.Lines(string(said)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "dep" {
			want = append(want, f[1]+" "+f[2])
		}
	}
	require.Greater(t, len(want), 20)
	var got, scripts []string
	for _, c := range *bom.Components {
		assert.NotEmpty(t, *c.Licenses, c.Name)
		for _, l := range *c.Licenses {
			assert.Contains(t, allowed, l.License.ID, c.Name)
		}
		if strings.HasPrefix(c.PackageURL, "pkg:npm/") {
			scripts = append(scripts, c.PackageURL)
			continue
		}
		assert.True(t, strings.HasPrefix(c.PackageURL, "pkg:golang/"), c.PackageURL)
		if c.Name != "std" {
			got = append(got, c.Name+" "+c.Version)
		}
	}
	assert.ElementsMatch(t, want, got)
	assert.ElementsMatch(t, embeddedScripts(t, root), scripts)
	assert.Len(t, *(*bom.Dependencies)[0].Dependencies, len(got)+1+len(scripts))
}

// embeddedScripts returns the scripts in the program: uPlot says its version itself, and the Go module of Swagger UI in its README.
func embeddedScripts(t *testing.T, root string) []string {
	t.Helper()
	said := func(path, pattern string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		m := regexp.MustCompile(pattern).FindSubmatch(text)
		require.NotNil(t, m, path)
		return string(m[1])
	}
	module, err := output(root, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/swaggest/swgui")
	require.NoError(t, err)
	vendored, err := os.ReadDir(filepath.Join(root, "web/static/vendor"))
	require.NoError(t, err)
	assert.Len(t, vendored, 1, "a script that is not listed here")
	return []string{
		"pkg:npm/uplot@" + said(filepath.Join(root, "web/static/vendor/uplot/uPlot.iife.min.js"), `uPlot \(v([0-9.]+)\)`),
		"pkg:npm/swagger-ui-dist@" + said(filepath.Join(strings.TrimSpace(string(module)), "README.md"), `swagger-ui/releases/tag/v([0-9.]+)`),
	}
}
