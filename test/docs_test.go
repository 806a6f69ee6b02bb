package test_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	fence     = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	heading   = regexp.MustCompile(`(?m)^#+ (.+)$`)
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	noAnchor  = regexp.MustCompile(`[^\pL\pN _-]`)
	namedTest = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
	testFunc  = regexp.MustCompile(`(?m)^func (\w+)\(`)
)

// TestDocumentsNameWhatThereIs follows the links within the repository, also to sections, and looks for the tests that are named.
func TestDocumentsNameWhatThereIs(t *testing.T) {
	t.Parallel()
	var functions []string
	for _, path := range sources(t, ".go") {
		for _, f := range testFunc.FindAllStringSubmatch(read(t, path), -1) {
			functions = append(functions, f[1])
		}
	}
	for _, path := range sources(t, ".md") {
		text := fence.ReplaceAllString(read(t, path), "")
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			file, section, _ := strings.Cut(l[1], "#")
			if strings.Contains(file, ":") {
				continue // elsewhere
			}
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if assert.FileExists(t, target, "%s: %s", path, l[1]) && section != "" {
				assert.Contains(t, sections(t, target), section, "%s: %s", path, l[1])
			}
		}
		for _, name := range namedTest.FindAllStringSubmatch(text, -1) {
			assert.True(t, slices.Contains(functions, name[1]), "%s: there is no test %s", path, name[1])
		}
	}
}

// sections returns the anchors of a document, as GitHub makes them of its headings.
func sections(t *testing.T, path string) (all []string) {
	t.Helper()
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(read(t, path), ""), -1) {
		all = append(all, strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}
