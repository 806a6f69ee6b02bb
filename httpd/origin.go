package httpd

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// refuseOtherSites refuses the requests that a browser sends for a web page of another site. A link to a page of the
// bridge still works, because the other site cannot read what the browser shows.
func (s *Server) refuseOtherSites(c *gin.Context) {
	if s.fromOtherSite(c.Request) {
		Fail(c, monitor.Errorf(monitor.EForbidden, "a web page of another site cannot use the bridge"))
	}
}

// fromOtherSite says whether another site's page made the request. Only browsers send the headers that it reads. Their
// scripts cannot change these headers.
func (s *Server) fromOtherSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site == "same-origin" {
		return false // also behind a proxy that changes Host
	}
	if len(r.Header.Values("Origin")) > 0 && !s.ownOrigin(r) {
		return true
	}
	if site == "" || site == "none" {
		return false
	}
	followed := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document"
	return !followed
}

// ownOrigin says whether Origin names the host of the request or of the public URL.
func (s *Server) ownOrigin(r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || origin.Host == "" {
		return false
	}
	return strings.EqualFold(origin.Host, r.Host) || s.PublicURL != nil && strings.EqualFold(origin.Host, s.PublicURL.Host)
}

// knownHost says whether Host names this bridge. A web page can make its own name lead to the bridge, and then the browser
// takes both for one site. It cannot do this with localhost or with an address. A request without Host comes from no
// browser.
func (s *Server) knownHost(host string) bool {
	name := strings.ToLower((&url.URL{Host: host}).Hostname())
	name = strings.TrimSuffix(name, ".")
	if host == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return s.PublicURL != nil && strings.EqualFold(name, s.PublicURL.Hostname()) ||
		slices.ContainsFunc(s.HostNames, func(known string) bool { return strings.EqualFold(name, strings.TrimSuffix(known, ".")) })
}

// PagesURL returns the address that links to pages begin with, for a client: the public URL, else what the client asked. It has
// no slash at its end.
func (s *Server) PagesURL(c *gin.Context) string {
	u := s.address(c)
	return u.String()
}

// BaseURL returns the address of the bridge for a client, like [Server.PagesURL]. While a token is needed, it has a place for one.
func (s *Server) BaseURL(c *gin.Context) string {
	u := s.address(c)
	if tokenOf(c) != nil {
		u.User = url.UserPassword("x", "TOKEN")
	}
	return u.String()
}

func (s *Server) address(c *gin.Context) url.URL {
	u := url.URL{Scheme: "http", Host: c.Request.Host, Path: LinkPrefix(c)}
	if c.Request.TLS != nil {
		u.Scheme = "https"
	}
	if s.PublicURL != nil {
		u.Scheme, u.Host = s.PublicURL.Scheme, s.PublicURL.Host
	}
	return u
}
