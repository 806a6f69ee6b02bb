package api

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// apiRoot is where clients of the reference server expect the routes.
const apiRoot = "/api/v1"

// aliases are the paths below base at which everything is found once more. monitor_api appends the links of an answer,
// which begin with the base path, to the URL that it was given, which ends in it.
func aliases(base string) []string {
	repeated := strings.ReplaceAll(base, "/:", "/:repeated_") // Gin's parameters need different names
	all := []string{apiRoot, repeated}
	slices.Sort(all)
	return slices.Compact(all)
}

// unalias makes requests below an alias look as if they had come without it, so that links do not repeat it again.
// What repeats another path than that of the request is not found.
func unalias(base, alias string) gin.HandlerFunc {
	skip, repeat := strings.Count(base, "/"), strings.Count(alias, "/")
	literal := !strings.Contains(alias, ":")
	return func(c *gin.Context) {
		parts := strings.Split(linkPath(c.Request.URL), "/")[1:]
		if !literal && !slices.Equal(parts[:skip], parts[skip:skip+repeat]) {
			_ = c.Error(monitor.Errorf(monitor.ENotFound, "no such route: the path repeats the one of another project"))
			c.Abort()
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

// linkPath is the path of a request as a link to it spells it. Doubled slashes are gone: two at the beginning would
// make the link one to another host.
func linkPath(u *url.URL) string {
	escaped := u.RawPath // as Gin routes it; [url.URL.EscapedPath] gives another where a quote, say, was not escaped
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

// linkPart escapes a name as a part of a path. Names of dots would lead to where the path comes from.
func linkPart(name string) string {
	switch name {
	case ".":
		return "%2E"
	case "..":
		return "%2E%2E"
	}
	return url.PathEscape(name)
}

// namesake is a path with a name in the place of a parameter.
type namesake struct {
	path        string
	param, name string
}

// namesakes are the paths of a route for names that are also fixed parts of other routes, as far as Gin does not find
// the way back from those: where a path ends in a parameter that ends no route, it looks no further.
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
