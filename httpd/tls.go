package httpd

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// keyPairMaxAge is the minimum time between two reads of the files.
const keyPairMaxAge = time.Second

// keyPair is a certificate with its key. It follows changes of the two files.
type keyPair struct {
	certFile, keyFile string
	log               *slog.Logger

	mu   sync.Mutex
	cert *tls.Certificate
	read time.Time // last attempt to read the files
	said string    // the last error that was logged
}

// openKeyPair reads a certificate and its key from PEM files.
func openKeyPair(certFile, keyFile string, log *slog.Logger) (*keyPair, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	return &keyPair{certFile: certFile, keyFile: keyFile, log: log, cert: &cert, read: time.Now()}, nil
}

// get returns the certificate for a handshake. It reads the files again at most once per second. If this fails, the last
// valid certificate stays in use. The read fails, for example, between the replacement of the two files.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.read) >= keyPairMaxAge {
		k.load()
	}
	return k.cert, nil
}

// reload reads the files now.
func (k *keyPair) reload() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.load()
}

// CertificateExpiry returns the end of the certificate that the server uses. The server must be open, with a certificate.
func (s *Server) CertificateExpiry() time.Time {
	cert, _ := s.keyPair.get(nil) // its error is always nil
	return cert.Leaf.NotAfter
}

// load reads the files. The caller has locked mu.
func (k *keyPair) load() {
	k.read = time.Now()
	cert, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		if err.Error() == k.said { // clients that open many connections must not fill the log
			return
		}
		k.said = err.Error()
		k.log.Warn("cannot read the TLS certificate again; the old certificate stays in use", "error", err)
		return
	}
	k.said = ""
	if !slices.EqualFunc(cert.Certificate, k.cert.Certificate, bytes.Equal) {
		k.log.Info("a new TLS certificate is in use")
	}
	k.cert = &cert
}
