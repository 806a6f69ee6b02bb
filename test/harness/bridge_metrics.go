package harness

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Metrics are the bridge's own metrics. A key is a series as printed, such as `pymon_bridge_accepted_total{class="metric"}`.
type Metrics map[string]float64

// Sum adds up all series of a metric. ok is false when there is none.
func (m Metrics) Sum(name string) (sum float64, ok bool) {
	for series, value := range m {
		if base, _, _ := strings.Cut(series, "{"); base == name {
			sum, ok = sum+value, true
		}
	}
	return sum, ok
}

// Metrics asks the bridge for its metrics.
func (b *Bridge) Metrics() Metrics {
	b.tb.Helper()
	m, err := b.scrape()
	if err != nil {
		b.tb.Fatal(err)
	}
	return m
}

func (b *Bridge) scrape() (Metrics, error) {
	status, body, err := b.get("/-/metrics")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("GET /-/metrics: %d %s", status, body)
	}
	m := Metrics{}
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.LastIndexByte(line, ' ')
		if end < 0 {
			return nil, fmt.Errorf("expected a metric, got %s", line)
		}
		if m[line[:end]], err = strconv.ParseFloat(line[end+1:], 64); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (b *Bridge) get(path string) (status int, body string, err error) {
	req, err := http.NewRequest(http.MethodGet, b.URL+path, nil)
	if err != nil {
		return 0, "", err
	}
	if b.cfg.Password != "" {
		req.Header.Set("Authorization", "Bearer "+b.cfg.Password)
	}
	transport := http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: b.cfg.RootCAs}}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}
