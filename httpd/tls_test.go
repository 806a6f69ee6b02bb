package httpd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keyFiles has the names of the files of a certificate and its key.
type keyFiles struct{ cert, key string }

// write replaces both files by a new certificate for a host name.
func (f keyFiles) write(t *testing.T, host string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host},
		DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(f.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	require.NoError(t, os.WriteFile(f.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

func newKeyFiles(t *testing.T) keyFiles {
	dir := t.TempDir()
	return keyFiles{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
}

// certName returns the host name on the certificate that a server uses now.
func certName(t *testing.T, addr string) string {
	t.Helper()
	// The test reads the certificate and does not trust it.
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestServesTLSAndFollowsTheFiles(t *testing.T) {
	files := newKeyFiles(t)
	files.write(t, "first.example")
	b := newBridge()
	b.CertFile, b.KeyFile = files.cert, files.key
	addr := serve(t, b)
	assert.Equal(t, "first.example", certName(t, addr))
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(post("/metrics/", metricBody))
	require.NoError(t, err)
	line := make([]byte, 12)
	_, err = conn.Read(line)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 201", string(line))

	require.NoError(t, os.WriteFile(files.cert, []byte("half a cert"), 0o600))
	time.Sleep(1100 * time.Millisecond) // the server reads the files once per second
	assert.Equal(t, "first.example", certName(t, addr), "the last valid certificate stays in use")
	time.Sleep(1100 * time.Millisecond)
	assert.Equal(t, "first.example", certName(t, addr))
	assert.Equal(t, 1, strings.Count(b.log.String(), "cannot read the TLS certificate"), "one warning for one fault")
	files.write(t, "second.example")
	assert.Eventually(t, func() bool { return certName(t, addr) == "second.example" }, 20*time.Second, 50*time.Millisecond)
}

func TestOpenFailsWithoutTheCertificate(t *testing.T) {
	files := newKeyFiles(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	b := newBridge()
	b.CertFile, b.KeyFile = files.cert, files.key
	assert.ErrorContains(t, b.Open(listener), files.cert)
	assert.NoError(t, b.Close(context.Background()))
}
