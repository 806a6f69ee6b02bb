package api

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// aliases returns the paths below base that have every route once more. monitor_api needs them. Its base URL ends with
// the base path, and it appends to this URL the link to the next page, which begins with the base path.
func aliases(base string) []string {
	repeated := strings.ReplaceAll(base, "/:", "/:repeated_") // Gin needs different names of parameters
	all := []string{httpd.APIBases[0], repeated}
	slices.Sort(all)
	return slices.Compact(all)
}

// removeAlias returns a handler that removes the alias from the path of a request, so that links do not repeat it again.
// It answers 404 if the alias names another project than the base path.
func removeAlias(base, alias string) gin.HandlerFunc {
	baseParts, aliasParts := strings.Count(base, "/"), strings.Count(alias, "/")
	literal := !strings.Contains(alias, ":")
	return func(c *gin.Context) {
		parts := strings.Split(linkPath(c.Request.URL), "/")[1:]
		if !literal && !slices.Equal(parts[:baseParts], parts[baseParts:baseParts+aliasParts]) {
			httpd.Fail(c, monitor.Errorf(monitor.ENotFound, "no such route: the path names two projects"))
			return
		}
		u := *c.Request.URL
		u.RawPath = "/" + strings.Join(slices.Concat(parts[:baseParts], parts[baseParts+aliasParts:]), "/")
		u.Path, _ = url.PathUnescape(u.RawPath) // never fails: linkPath escaped the parts
		r := *c.Request
		r.URL = &u
		c.Request = &r
	}
}

// linkPath returns the path of a request for use in a link. It has no doubled slashes: two slashes at the start would make
// a link to another host.
func linkPath(u *url.URL) string {
	escaped := u.RawPath // the path that Gin uses; EscapedPath differs, for example for a quote that is not escaped
	if escaped == "" {
		escaped = u.EscapedPath()
	}
	parts := strings.Split(path.Clean(escaped), "/")
	for i, part := range parts {
		if text, err := url.PathUnescape(part); err == nil {
			parts[i] = linkPart(text)
		}
	}
	if strings.HasSuffix(escaped, "/") {
		parts = append(parts, "")
	}
	return strings.Join(parts, "/")
}

// linkPart escapes a name as a part of a path. A plain "." or ".." would be a relative path.
func linkPart(name string) string {
	switch name {
	case ".":
		return "%2E"
	case "..":
		return "%2E%2E"
	}
	return url.PathEscape(name)
}

// literalPath is the path of a route in which a value replaces a parameter.
type literalPath struct {
	path         string
	param, value string
}

// literalPaths returns more paths for a route. They are for values of a parameter that are also fixed parts of other
// routes. Gin follows the fixed part and does not try the parameter afterwards.
func literalPaths(template string) (all []literalPath) {
	var values []string
	switch template {
	case "/items/:item/metrics", "/items/:item/outcomes", "/variants/:variant/metrics":
		values = []string{"like"}
	case "/components/:component/metrics", "/components/:component/pipelines":
		values = []string{"items", "variants"}
	}
	for _, value := range values {
		before, rest, _ := strings.Cut(template, ":")
		param, after, _ := strings.Cut(rest, "/")
		all = append(all, literalPath{before + value + "/" + after, param, value})
	}
	return all
}

// setParam returns a handler that gives a path parameter a value.
func setParam(param, value string) gin.HandlerFunc {
	return func(c *gin.Context) { c.AddParam(param, value) }
}
