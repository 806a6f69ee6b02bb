package bench_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

const (
	pluginRounds = 7
	pluginGoal   = 2.0 // milliseconds above a run without a plugin
)

// benchPlugin compares the time of an empty test without a plugin, with the project's own plugin and with pytest-monitor.
func benchPlugin(b *testing.B, r *report) {
	suite, cert, key := emptyTests(b), filepath.Join(b.TempDir(), "cert.pem"), filepath.Join(b.TempDir(), "key.pem")
	pool := writeCertificate(b, cert, key)
	plain := harness.StartBridge(b, harness.BridgeConfig{})
	tls := harness.StartBridge(b, harness.BridgeConfig{RootCAs: pool, Args: []string{"--tls-cert", cert, "--tls-key", key}})
	own, monitor := []string{"-p", "pymon_bridge", "--remote-server"}, []string{"--no-db", "--remote-server"}
	sides := []*struct {
		name   string
		args   []string
		seldom bool
		took   []float64 // milliseconds per test
	}{
		{name: "no plugin", args: []string{"-p", "no:monitor"}},
		{name: "this project's plugin, HTTP", args: append(own, plain.URL)},
		{name: "this project's plugin, HTTPS", args: append(own, tls.URL)},
		{name: "pytest-monitor, HTTP", args: append(monitor, plain.URL), seldom: true},
		{name: "pytest-monitor, HTTPS", args: append(monitor, tls.URL), seldom: true},
	}
	for round := range pluginRounds {
		for _, side := range sides {
			if side.seldom && round > 0 {
				continue // it takes long, and has no goal
			}
			run := harness.Pytest{Python: harness.Pytest84, Suite: suite, Args: side.args, Env: []string{
				"PYTHONPATH=" + filepath.Join(harness.Root(b), "plugin"), "REQUESTS_CA_BUNDLE=" + cert}}.Run(b)
			side.took = append(side.took, perTest(b, run.Output()))
		}
	}
	require.Len(b, harness.Stored(b, tls.Data).Metrics, (pluginRounds+1)*pytestTests)
	table := r.add(fmt.Sprintf("What a plugin adds to %d empty tests", pytestTests), "plugin", "ms per test", "more", "goal", "verdict")
	table.row(sides[0].name, fmt.Sprintf("%.2f", median(sides[0].took)), "", "", "")
	for n, side := range sides[1:] {
		var more []float64
		for round := range side.took {
			more = append(more, side.took[round]-sides[0].took[round])
		}
		goal, met := "", ""
		if n < 2 {
			goal, met = fmt.Sprintf("≤ %.0f ms", pluginGoal), verdict(median(more) <= pluginGoal)
		}
		table.row(side.name, fmt.Sprintf("%.2f", median(side.took)), fmt.Sprintf("%+.2f ms", median(more)), goal, met)
	}
	table.note("Medians of %d runs each, in turns; pytest-monitor ran once.", pluginRounds)
}

// writeCertificate writes the files of a certificate for 127.0.0.1.
func writeCertificate(b *testing.B, cert, key string) *x509.CertPool {
	b.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(b, err)
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der},
	} {
		require.NoError(b, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return pool
}
