package httpd

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"
)

// linkPrefix is the key in Gin's context for the path before all paths of the bridge, as clients see it.
const linkPrefix = "pymon-bridge/link-prefix"

// plainPrefix matches a path that has the same meaning in a header, in a page and in JSON. It has no empty part and no part
// that begins with a dot.
var plainPrefix = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

const maxPrefix = 255 // length of a prefix in bytes

// ValidPrefix says whether a path may stand before the paths in links, such as "/pymon". "" is valid.
func ValidPrefix(path string) bool {
	return path == "" || len(path) <= maxPrefix && plainPrefix.MatchString(path)
}

// LinkPrefix returns the path that a proxy removes before it passes a request on, such as "/pymon", or "". Links to the
// bridge begin with it.
func LinkPrefix(c *gin.Context) string { return c.GetString(linkPrefix) }

// followProxy reads what a trusted proxy says about a request. Bad values have no effect.
func (s *Server) followProxy(c *gin.Context) {
	prefix := ""
	if s.PublicURL != nil {
		prefix = strings.TrimRight(s.PublicURL.EscapedPath(), "/")
	}
	if s.trusted(ClientOf(c.Request)) {
		header := c.Request.Header
		if values := header.Values("X-Forwarded-Prefix"); len(values) == 1 {
			if given := strings.TrimSuffix(values[0], "/"); ValidPrefix(given) {
				prefix = given
			}
		}
		if client := s.forwardedFor(header); client != "" {
			r := *c.Request
			r.RemoteAddr = client
			c.Request = &r
		}
	}
	if prefix != "" && ValidPrefix(prefix) {
		c.Set(linkPrefix, prefix)
	}
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

// forwardedFor returns the address of the client, or "" if the header names none. Each proxy appends the address that it
// saw. So only the part behind the last stranger's address is sure, and that address is the client's.
func (s *Server) forwardedFor(header http.Header) (client string) {
	hops := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		address, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
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
