package monitor

import (
	"net/url"
	"strings"
)

// The paths of pages for people, below the address of a bridge. Each begins with a slash, and the name of the project has to be
// valid.

// maxAddress is the longest address that is given to people. Some browsers and proxies refuse longer ones.
const maxAddress = 2000

// PageURL returns the address of a page. bridge is the address of the bridge for browsers, such as https://ci.example.org/pymon.
// PageURL is "" without it, and where the address would be too long.
func PageURL(bridge, path string) string {
	address := strings.TrimRight(bridge, "/") + path
	if bridge == "" || len(address) > maxAddress {
		return ""
	}
	return address
}

// ProjectPath returns the path of the page of a project.
func ProjectPath(project string) string { return "/p/" + project + "/" }

// RunPath returns the path of the page of a run. Browsers take "." and ".." for parts of the path itself.
func RunPath(project, run string) string {
	if strings.Trim(run, ".") == "" {
		return ProjectPath(project) + "runs/-?id=" + url.QueryEscape(run)
	}
	return ProjectPath(project) + "runs/" + url.PathEscape(run)
}

// TestPath returns the path of the page of a test, which has its whole identity. What most tests have in common is left out.
// Without a class of machine the page shows the one that measured the test last.
func TestPath(project string, t TestID) string {
	q := url.Values{"path": {t.ItemPath}, "name": {t.ItemVariant}}
	if t.Item != FunctionOf(t.ItemVariant) {
		q.Set("item", t.Item)
	}
	if t.Kind != KindFunction {
		q.Set("kind", t.Kind)
	}
	if t.Component != "" {
		q.Set("component", t.Component)
	}
	if t.Env != "" {
		q.Set("env", t.Env)
	}
	return ProjectPath(project) + "test?" + q.Encode()
}

// FunctionOf returns the name of the function in the name of a node.
func FunctionOf(variant string) string {
	name, _, _ := strings.Cut(variant, "[")
	return name
}
