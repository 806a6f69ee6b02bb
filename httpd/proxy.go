package httpd

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"
)

// linkPrefix is the key in a request's context for the path before all paths of the bridge, as clients see it.
type linkPrefix struct{}

// plainPrefix matches a path that has the same meaning in a header, in a page and in JSON. It has no empty part and no part
// that begins with a dot.
var plainPrefix = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

// apiBase matches a path, without its first slash, below one of [APIBases].
var apiBase = regexp.MustCompile(`^(p/[^/]+/)?api/v1/`)

const maxPrefix = 255 // length of a prefix in bytes

// ValidPrefix says whether a path may stand before the paths in links, such as "/pymon". "" is valid.
func ValidPrefix(path string) bool {
	return path == "" || len(path) <= maxPrefix && plainPrefix.MatchString(path)
}

// LinkPrefix returns the path that a proxy removes before it passes a request on, such as "/pymon", or "". Links to the
// bridge begin with it.
func LinkPrefix(c *gin.Context) string {
	prefix, _ := c.Request.Context().Value(linkPrefix{}).(string)
	return prefix
}

// followProxy returns a request with what a trusted proxy says about it. Bad values have no effect.
func (s *Server) followProxy(r *http.Request) *http.Request {
	prefix, client := "", ""
	if s.PublicURL != nil {
		prefix = strings.TrimRight(s.PublicURL.EscapedPath(), "/")
	}
	if s.trusted(ClientOf(r)) {
		if values := r.Header.Values("X-Forwarded-Prefix"); len(values) == 1 {
			if given := strings.TrimSuffix(values[0], "/"); ValidPrefix(given) {
				prefix = given
			}
		}
		client = s.forwardedFor(r.Header)
	}
	if !ValidPrefix(prefix) {
		prefix = ""
	}
	if prefix == "" && client == "" {
		return r
	}
	r = r.WithContext(context.WithValue(r.Context(), linkPrefix{}, prefix))
	if client != "" {
		r.RemoteAddr = client
	}
	if prefix != "" {
		r.URL = withoutRepeated(r.URL, prefix)
	}
	return r
}

// withoutRepeated removes the prefix in the middle of a path such as /api/v1/pymon/api/v1/metrics. monitor_api asks for
// such paths, because it appends links to a base URL that ends in /api/v1.
func withoutRepeated(u *url.URL, prefix string) *url.URL {
	before, after, found := strings.Cut(u.EscapedPath(), "/api/v1"+prefix+"/")
	if !found || !apiBase.MatchString(after) {
		return u
	}
	shorter := *u
	shorter.RawPath = before + "/api/v1/" + after
	shorter.Path, _ = url.PathUnescape(shorter.RawPath) // never fails: EscapedPath is valid
	return &shorter
}

// trusted says whether an IP address belongs to a trusted proxy.
func (s *Server) trusted(ip string) bool {
	if len(s.TrustedProxies) == 0 {
		return false
	}
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return false // a Unix socket
	}
	for _, proxies := range s.TrustedProxies {
		if proxies.Contains(address.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// parseHop reads an address with or without a port, as some proxies write it.
func parseHop(hop string) (netip.Addr, error) {
	if withPort, err := netip.ParseAddrPort(hop); err == nil {
		return withPort.Addr(), nil
	}
	return netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
}

// forwardedFor returns the address of the client, or "" if the header names none. Each proxy appends the address that it
// saw. So only the part behind the last stranger's address is sure, and that address is the client's.
func (s *Server) forwardedFor(header http.Header) (client string) {
	hops := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		address, err := parseHop(strings.TrimSpace(hops[i]))
		if err != nil {
			return client
		}
		client = address.Unmap().WithZone("").String()
		if !s.trusted(client) {
			return client
		}
	}
	return client
}
