package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// certificates are the files of a private certificate authority, and of a server certificate that it signed.
type certificates struct{ ca, cert, key string }

func newCertificates(t *testing.T) (certificates, *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	files := certificates{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	server := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "bridge"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	caKey, serverKey := newKey(t), newKey(t)
	writePEM(t, files.ca, "CERTIFICATE", sign(t, authority, authority, caKey, caKey))
	writePEM(t, files.cert, "CERTIFICATE", sign(t, server, authority, serverKey, caKey))
	key, err := x509.MarshalPKCS8PrivateKey(serverKey)
	require.NoError(t, err)
	writePEM(t, files.key, "PRIVATE KEY", key)
	pool := x509.NewCertPool()
	text, err := os.ReadFile(files.ca)
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(text))
	return files, pool
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func sign(t *testing.T, cert, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, key.Public(), parentKey)
	require.NoError(t, err)
	return der
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// Pytest sends nothing when it cannot verify the certificate.
func TestRealClientVerifiesTheCertificate(t *testing.T) {
	t.Parallel()
	files, pool := newCertificates(t)
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{RootCAs: pool,
		Args: []string{"--tls-cert", files.cert, "--tls-key", files.key}})
	require.True(t, strings.HasPrefix(bridge.URL, "https://127.0.0.1:"), bridge.URL)
	pytest := func(bundle string) *harness.PytestRun {
		return harness.Pytest{Env: []string{"REQUESTS_CA_BUNDLE=" + bundle},
			Args: []string{"--remote-server", bridge.URL, "flat/test_flat.py"}}.Run(t)
	}
	distrusts := pytest("")
	assert.Equal(t, 3, distrusts.ExitCode)
	assert.Contains(t, distrusts.Output(), "CERTIFICATE_VERIFY_FAILED")
	assert.Empty(t, harness.Stored(t, bridge.Data).Contexts)

	trusts := pytest(files.ca)
	require.Equal(t, 0, trusts.ExitCode, trusts.Output())
	bridge.WaitDelivered()
	sent := harness.ReadPymon(t, trusts.Database).Metrics
	require.Len(t, sent, 6)
	assertArrived(t, sent, points(t, influx, bucket))

	pair, err := tls.LoadX509KeyPair(files.cert, files.key)
	require.NoError(t, err)
	assert.EqualValues(t, pair.Leaf.NotAfter.Unix(), bridge.Metrics()["pymon_bridge_certificate_expiry_timestamp_seconds"])

	plain := request{method: http.MethodGet, path: "/-/healthy"}.send(t, strings.Replace(bridge.URL, "https:", "http:", 1))
	assert.Equal(t, http.StatusBadRequest, plain.status, "plain HTTP at the same address")
	check := harness.RunProgram(t, nil, "healthcheck", "--url", bridge.URL, "--insecure")
	assert.Equal(t, 0, check.ExitCode, check.Stderr)
	check = harness.RunProgram(t, nil, "healthcheck", "--url", bridge.URL)
	assert.Equal(t, 1, check.ExitCode, "an unknown authority")
	assert.Contains(t, check.Stderr, "certificate")
	check = harness.RunProgram(t, nil, "check", "--url", strings.Replace(bridge.URL, "https:", "http:", 1))
	assert.Equal(t, 2, check.ExitCode)
	assert.Contains(t, check.Stderr, " serves HTTPS: write https://\n")
	if runtime.GOOS == "linux" {
		check = harness.RunProgram(t, nil, "check", "--url", bridge.URL)
		assert.Equal(t, 2, check.ExitCode)
		assert.Contains(t, check.Stderr, "; SSL_CERT_FILE names a file with the certificates to trust\n")
		check = harness.RunProgram(t, []string{"SSL_CERT_FILE=" + files.ca}, "runs", "--url", bridge.URL)
		assert.Equal(t, 0, check.ExitCode, check.Stderr)
	}
}
