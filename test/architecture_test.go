// Package test_test holds the rules that the source itself must keep.
package test_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

const module = "pymon-bridge"

// middle are the packages that meet only in the types of monitor. Those in mounted also know the server, httpd.
var middle = []string{"httpd", "ingest", "api", "journal", "sqlite", "cache", "influx", "judge", "regress", "report", "budget", "telemetry",
	"grafana", "plugin", "web"}

// mounted are the packages that mount routes on the server.
var mounted = []string{"ingest", "api", "web"}

// owners says which packages may import a library, by the beginning of its import path.
var owners = map[string][]string{
	"github.com/gin-gonic/":            {"httpd", "ingest", "api", "web"},
	"github.com/influxdata/":           {"influx", "influx/setup"},
	"github.com/tinylib/msgp":          {"influx"},
	"github.com/klauspost/compress":    {"influx"},
	"github.com/dgraph-io/ristretto":   {"cache"},
	"modernc.org/":                     {"sqlite"},
	"database/sql":                     {"sqlite"},
	"github.com/prometheus/":           {"telemetry"},
	"github.com/alecthomas/kong":       {"cmd/pymon-bridge"},
	"github.com/pelletier/go-toml":     {"budget"},
	"github.com/coreos/go-systemd":     {"cmd/pymon-bridge"},
	"github.com/lmittmann/tint":        {"cmd/pymon-bridge"},
	"github.com/creack/pty":            {}, // only tests have a terminal of their own
	"github.com/swaggest/":             {"api"},
	"github.com/munnerz/goautoneg":     {"httpd"},
	"gonum.org/":                       {"regress"},
	"golang.org/x/time":                {"cache"},
	"github.com/getkin/kin-openapi":    {}, // only tests read the document
	"github.com/yuin/goldmark":         {},
	"go.yaml.in/yaml/":                 {},
	"github.com/stretchr/testify":      {},
	"github.com/chromedp/":             {},
	"pgregory.net/rapid":               {},
	"github.com/influxdata/influxdb/v": {}, // the server; only its client is a dependency
}

// goPackage is what `go list` says of a package of this module, without its tests.
type goPackage struct {
	ImportPath string
	Dir        string
	Imports    []string
	Deps       []string
	Standard   bool
	Module     *struct{ Main bool }
}

// name returns the path within the module.
func (p goPackage) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// product returns the packages that the program is made of, and all that they need.
func product(t *testing.T) (own []goPackage, standard map[string]bool) {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Imports,Deps,Standard,Module", "./...")
	cmd.Dir = harness.Root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	standard = map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return own, standard
		} else {
			require.NoError(t, err)
		}
		standard[p.ImportPath] = p.Standard
		if p.Module != nil && p.Module.Main && !strings.HasPrefix(p.name(), "test") && p.name() != "internal_deps" {
			own = append(own, p)
		}
	}
}

// TestEachLibraryHasOneOwner holds that only the package made for a library imports it.
func TestEachLibraryHasOneOwner(t *testing.T) {
	t.Parallel()
	own, _ := product(t)
	for _, p := range own {
		for _, imported := range p.Imports {
			for library, allowed := range owners {
				if strings.HasPrefix(imported, library) {
					assert.Contains(t, allowed, p.name(), "imports %s, which belongs to %v", imported, allowed)
				}
			}
		}
	}
}

// TestMiddlePackagesDoNotKnowEachOther holds the direction of dependencies: cmd to everything to monitor, and what is
// mounted on the server to the server.
func TestMiddlePackagesDoNotKnowEachOther(t *testing.T) {
	t.Parallel()
	own, _ := product(t)
	require.NotEmpty(t, own)
	for _, p := range own {
		folder, _, _ := strings.Cut(p.name(), "/")
		if folder == "cmd" {
			continue
		}
		for _, needed := range p.Deps {
			other, ok := strings.CutPrefix(needed, module+"/")
			if other, _, _ = strings.Cut(other, "/"); !ok || other == folder || other == "monitor" && folder != "monitor" {
				continue
			}
			if other == "httpd" && slices.Contains(mounted, folder) {
				continue
			}
			assert.Failf(t, "wrong direction", "%s needs %s", p.name(), needed)
		}
	}
}

// TestMonitorNeedsOnlyTheStandardLibrary holds that the domain depends on nothing.
func TestMonitorNeedsOnlyTheStandardLibrary(t *testing.T) {
	t.Parallel()
	own, standard := product(t)
	checked := 0
	for _, p := range own {
		if p.name() != "monitor" && !strings.HasPrefix(p.name(), "monitor/") {
			continue
		}
		checked++
		for _, needed := range p.Deps {
			assert.True(t, standard[needed] || strings.HasPrefix(needed, module+"/monitor"), "%s needs %s", p.name(), needed)
		}
	}
	assert.Positive(t, checked)
}

// TestEveryPackageHasAPlace fails for a package that no rule knows.
func TestEveryPackageHasAPlace(t *testing.T) {
	t.Parallel()
	own, _ := product(t)
	for _, p := range own {
		folder, _, _ := strings.Cut(p.name(), "/")
		known := append([]string{"monitor", "cmd"}, middle...)
		assert.Contains(t, known, folder, "%s is in none of the places of the design", p.ImportPath)
	}
}

// The most lines of a file, and of a file of tests.
const maxLines, maxTestLines = 300, 500

// TestFilesAreShort holds that a file can be read in one go.
func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t, ".go") {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		most := maxLines
		if strings.HasSuffix(file, "_test.go") {
			most = maxTestLines
		}
		assert.LessOrEqual(t, bytes.Count(b, []byte("\n")), most, file)
	}
}

// TestExportedNamesAreDocumented holds that every name another package can use says what it is.
func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	for _, path := range sources(t, ".go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, name := range undocumented(file) {
			assert.Failf(t, "without a comment", "%s: %s", path, name)
		}
	}
}

// TestParallelTestsAreThere holds that each test that the Makefile names for the race detector exists: go test -run passes without.
func TestParallelTestsAreThere(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(harness.Root(t), "Makefile"))
	require.NoError(t, err)
	list := regexp.MustCompile(`(?m)^PARALLEL := \^\((.+)\)\$\$$`).FindSubmatch(makefile)
	require.NotNil(t, list, "PARALLEL := ^(TestA|TestB)$$")
	var tests []byte
	for _, file := range sources(t, ".go") {
		if strings.HasSuffix(file, "_test.go") && filepath.Base(filepath.Dir(file)) == "regress" {
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			tests = append(tests, b...)
		}
	}
	for name := range strings.SplitSeq(string(list[1]), "|") {
		assert.Contains(t, string(tests), "\nfunc "+name+"(t *testing.T)")
	}
}

// sources returns every file with an extension that git has or would take, of all modules of the repository.
func sources(t *testing.T, extension string) []string {
	t.Helper()
	root := harness.Root(t)
	var all []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", ".cache", "testdata", "internal_deps"}, entry.Name()) {
			return fs.SkipDir
		}
		if filepath.Ext(path) == extension {
			all = append(all, path)
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// undocumented returns the exported names of a file that have no comment: functions, methods of exported types,
// types, and values, which may share the comment of their group.
func undocumented(file *ast.File) (names []string) {
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undocumentedSpec(d, spec)...)
			}
		}
	}
	return names
}

func undocumentedSpec(group *ast.GenDecl, spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && (group.Doc == nil || group.Lparen.IsValid()) {
			names = append(names, s.Name.Name)
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && s.Doc == nil && s.Comment == nil && group.Doc == nil {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	kind := d.Recv.List[0].Type
	if star, ok := kind.(*ast.StarExpr); ok {
		kind = star.X
	}
	if generic, ok := kind.(*ast.IndexExpr); ok {
		kind = generic.X
	}
	name, ok := kind.(*ast.Ident)
	return !ok || name.IsExported()
}

// TestRulesCanFail shows that the check on comments sees what it is for.
func TestRulesCanFail(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
		func A() {}
		// B is documented.
		func B() {}
		type C struct{}
		func (c *C) D() {}
		func (e *e) E() {}
		type e struct{}
		const F = 1
		// Values that belong together.
		const (
			G = 1
			H = 2
		)
		type (
			I int
			// J is documented.
			J int
		)
	`, parser.ParseComments)
	require.NoError(t, err)
	assert.Equal(t, []string{"A", "C", "D", "F", "I"}, undocumented(file))
}
