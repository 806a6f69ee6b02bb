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

// aliases are the paths below base at which every route is found once more. monitor_api needs them: it appends the link
// to the next page, which begins with the base path, to the URL that it was given, which ends with the base path.
func aliases(base string) []string {
	repeated := strings.ReplaceAll(base, "/:", "/:repeated_") // Gin's parameters need different names
	all := []string{httpd.APIBases[0], repeated}
	slices.Sort(all)
	return slices.Compact(all)
}

// unalias takes the alias out of the path of a request, so that links do not repeat it again. An alias that repeats the
// path of another project is not found.
func unalias(base, alias string) gin.HandlerFunc {
	skip, repeat := strings.Count(base, "/"), strings.Count(alias, "/")
	literal := !strings.Contains(alias, ":")
	return func(c *gin.Context) {
		parts := strings.Split(linkPath(c.Request.URL), "/")[1:]
		if !literal && !slices.Equal(parts[:skip], parts[skip:skip+repeat]) {
			httpd.Fail(c, monitor.Errorf(monitor.ENotFound, "no such route: the path repeats the one of another project"))
			return
		}
		u := *c.Request.URL
		u.RawPath = "/" + strings.Join(slices.Concat(parts[:skip], parts[skip+repeat:]), "/")
		u.Path, _ = url.PathUnescape(u.RawPath) // parts of a path that was read
		r := *c.Request
		r.URL = &u
		c.Request = &r
	}
}

// linkPath is the path of a request as a link to it spells it. Doubled slashes are removed, because two at the beginning
// would make it a link to another host.
func linkPath(u *url.URL) string {
	escaped := u.RawPath // as Gin routes it; EscapedPath differs where for example a quote was not escaped
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

// linkPart escapes a name as a part of a path. Unescaped, "." and ".." would not stand for a name.
func linkPart(name string) string {
	switch name {
	case ".":
		return "%2E"
	case "..":
		return "%2E%2E"
	}
	return url.PathEscape(name)
}

// namesake is a path in which a name stands in the place of a parameter.
type namesake struct {
	path        string
	param, name string
}

// namesakes are further paths of a route, for names that are also fixed parts of other routes. Gin follows the fixed part
// and, in these cases, does not come back to try the parameter.
func namesakes(template string) (all []namesake) {
	var names []string
	switch template {
	case "/items/:item/metrics", "/variants/:variant/metrics":
		names = []string{"like"}
	case "/components/:component/metrics", "/components/:component/pipelines":
		names = []string{"items", "variants"}
	}
	for _, name := range names {
		before, rest, _ := strings.Cut(template, ":")
		param, after, _ := strings.Cut(rest, "/")
		all = append(all, namesake{before + name + "/" + after, param, name})
	}
	return all
}

// set gives a path parameter a value.
func set(param, value string) gin.HandlerFunc {
	return func(c *gin.Context) { c.AddParam(param, value) }
}
