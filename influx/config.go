package influx

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/log"

	"pymon-bridge/monitor"
)

// The names used where the operator gives none.
const (
	DefaultBucket     = "pytest"
	DefaultMetaBucket = "pytest_meta"

	defaultTimeout  = time.Minute
	applicationName = "pymon-bridge"
)

// The client's logger is one for the whole process and goes past slog. Everything that it says of a failed write
// is in the reply as well. It can only be set before the first client is made, hence here.
func init() { log.Log = nil }

// Config says where InfluxDB is and what may be done there.
type Config struct {
	URL   string // such as "http://127.0.0.1:8086"; a path before /api/v2 is kept, user and password are ignored
	Token string // needs write access to both buckets, and read access to what is looked up or read back
	Org   string // name or ID

	Bucket     string // of metrics and outcomes; DefaultBucket if empty
	MetaBucket string // of contexts and sessions; DefaultMetaBucket if empty

	BridgeURL string // where people reach the pages of the bridge, for links in the points of reports; none if empty

	Timeout   time.Duration     // of one request; a minute if 0
	Transport http.RoundTripper // replaces the default one, as for a private certificate authority; may be nil
	Now       func() time.Time  // time.Now if nil

	// OnCreated is called when a bucket was missing and is there now, whoever created it, with the classes of records that go there. May
	// be nil.
	OnCreated func(bucket string, has []monitor.Class)

	token *token // Token, and what [Writer.SetToken] made of it
}

// complete checks the settings and fills in the defaults.
func (c Config) complete() (Config, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		// The error of url.Parse quotes the URL, which may hold a password.
		return c, monitor.Errorf(monitor.EInvalid, "the InfluxDB URL cannot be read")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return c, monitor.Errorf(monitor.EInvalid, "the InfluxDB URL must look like http://host:8086")
	case CheckToken(c.Token) != nil:
		return c, CheckToken(c.Token)
	case c.Org == "":
		return c, monitor.Errorf(monitor.EInvalid, "InfluxDB needs an organisation")
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	c.URL = strings.TrimRight(u.String(), "/")
	c.Bucket = cmp.Or(c.Bucket, DefaultBucket)
	c.MetaBucket = cmp.Or(c.MetaBucket, DefaultMetaBucket)
	if c.Bucket == c.MetaBucket {
		return c, monitor.Errorf(monitor.EInvalid, "metrics and metadata cannot share the bucket %q", c.Bucket)
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Transport == nil {
		c.Transport = defaultTransport(u.Hostname())
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.token = &token{all: []string{c.Token}}
	c.Transport = authorized{c.Transport, c.token}
	return c, nil
}

// CheckToken fails with EInvalid for a text that cannot be a token.
func CheckToken(token string) error {
	switch {
	case token == "":
		return monitor.Errorf(monitor.EInvalid, "InfluxDB needs a token")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return monitor.Errorf(monitor.EInvalid, "the InfluxDB token has a space, a line break or a letter that is not ASCII")
	}
	return nil
}

// destination names the URL, the organisation and both buckets.
func (c Config) destination() monitor.Destination {
	return monitor.Destination(fmt.Sprintf("%s org=%s bucket=%s meta=%s", c.URL, c.Org, c.Bucket, c.MetaBucket))
}

// defaultTransport keeps few connections, for the two batch writers and the reads, and notices a dead server soon. Answers
// come compressed, unless they stay on this machine, whose time that would cost twice.
func defaultTransport(host string) *http.Transport {
	ip := net.ParseIP(host)
	return &http.Transport{
		DisableCompression:  host == "localhost" || ip != nil && ip.IsLoopback(),
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConns:        8,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}
