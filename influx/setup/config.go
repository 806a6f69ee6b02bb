package setup

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// Config says what an InfluxDB is to be prepared for.
type Config struct {
	URL   string // such as "http://127.0.0.1:8086"
	Token string // an operator's or an all-access token
	Org   string // name or ID

	Bucket      string // of metrics and verdicts
	MetaBucket  string // of contexts and sessions
	DailyBucket string // of the daily rollup

	// Retention is how long Bucket keeps points, 0 for ever. nil leaves it as it is, and makes it for ever.
	Retention *time.Duration
	// RollupDays is how many of the last days the rollup computes anew each time.
	RollupDays int
	// CheckEvery is how often verdicts are looked for, in whole seconds.
	CheckEvery time.Duration
	// CheckWindow is how long after its run's start a verdict may arrive to become a status, in whole seconds.
	CheckWindow time.Duration
	// NotifyURL receives a POST with each piece of news as JSON; no endpoint and no rule are made where it is empty.
	NotifyURL string
	// Fallback adds a task that judges tests within InfluxDB, for results that no bridge judges.
	Fallback bool

	Transport http.RoundTripper // replaces the default one; may be nil
}

const (
	// statusesKept is how long InfluxDB keeps statuses.
	statusesKept = 7 * 24 * time.Hour
	// statusesMargin is by how much the window is at least shorter, so that no status is forgotten before its verdict.
	statusesMargin = time.Hour
	day            = 24 * time.Hour
)

// complete checks the settings. Fails with EInvalid.
func (c Config) complete() (Config, error) {
	u, err := url.Parse(c.URL)
	invalid := func(format string, args ...any) (Config, error) {
		return c, monitor.Errorf(monitor.EInvalid, format, args...)
	}
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return invalid("the InfluxDB URL must look like http://host:8086")
	case c.Token == "" || c.Org == "":
		return invalid("InfluxDB needs a token and an organisation")
	case c.Bucket == "" || c.MetaBucket == "" || c.DailyBucket == "":
		return invalid("every bucket needs a name")
	case c.Bucket == c.MetaBucket || c.Bucket == c.DailyBucket || c.MetaBucket == c.DailyBucket:
		return invalid("metrics, metadata and the daily rollup need three different buckets")
	case c.RollupDays < 1:
		return invalid("the rollup needs at least one day")
	case c.CheckEvery < time.Second || c.CheckEvery%time.Second != 0:
		return invalid("the check runs every so many whole seconds, at least one")
	case c.CheckWindow < c.CheckEvery || c.CheckWindow%time.Second != 0:
		return invalid("the check's window must be whole seconds, and no shorter than its interval")
	case c.CheckWindow > statusesKept-statusesMargin:
		return invalid("the check's window must be at most %v, since InfluxDB forgets statuses after %v", statusesKept-statusesMargin, statusesKept)
	}
	if c.Retention != nil {
		if err := checkRetention(*c.Retention, c.RollupDays); err != nil {
			return c, err
		}
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	c.URL = strings.TrimRight(u.String(), "/")
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	return c, nil
}

// parseNotify reads the address of a webhook. Its errors do not quote it.
func parseNotify(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || address != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return nil, monitor.Errorf(monitor.EInvalid, "the address for news must look like https://host/path")
	}
	return u, nil
}

// checkRetention refuses one with which the rollup would see only a part of the oldest day that it computes.
func checkRetention(retention time.Duration, rollupDays int) error {
	switch {
	case retention == 0:
		return nil
	case retention < time.Hour || retention%time.Second != 0:
		return monitor.Errorf(monitor.EInvalid, "InfluxDB takes a retention of an hour or more, in whole seconds")
	case retention < time.Duration(rollupDays+1)*day:
		return monitor.Errorf(monitor.EInvalid, "the rollup of the last %d days would overwrite a day of which a part has expired: "+
			"keep metrics for at least %d days, or roll up fewer", rollupDays, rollupDays+1)
	}
	return nil
}
