package httpd

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// keyPairMaxAge is how long a change of the files may go unnoticed.
const keyPairMaxAge = time.Second

// keyPair is a certificate that follows its files.
type keyPair struct {
	certFile, keyFile string
	log               *slog.Logger

	mu   sync.Mutex
	cert *tls.Certificate
	read time.Time // the last attempt
}

// openKeyPair reads a certificate and its key, both PEM.
func openKeyPair(certFile, keyFile string, log *slog.Logger) (*keyPair, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	return &keyPair{certFile: certFile, keyFile: keyFile, log: log, cert: &cert, read: time.Now()}, nil
}

// get returns the certificate for a handshake, and reads the files again at most once a second. The last good
// certificate stays while they cannot be read, as in the moment when one file is replaced and the other is not yet.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.read) < keyPairMaxAge {
		return k.cert, nil
	}
	k.read = time.Now()
	cert, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		k.log.Warn("the TLS certificate cannot be read again; the last one stays", "error", err)
		return k.cert, nil
	}
	if !slices.EqualFunc(cert.Certificate, k.cert.Certificate, bytes.Equal) {
		k.log.Info("changed TLS certificate is in use")
	}
	k.cert = &cert
	return k.cert, nil
}
