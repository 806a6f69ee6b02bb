package ingest

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// keyPairMaxAge is how long a change of the files may go unnoticed.
const keyPairMaxAge = time.Second

// keyPair is a certificate that follows its files.
type keyPair struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	cert    *tls.Certificate
	stamp   [2]fileStamp // of the files when they were last read, also in vain
	checked time.Time
}

// fileStamp tells a file's versions apart.
type fileStamp struct {
	size    int64
	changed time.Time
}

// openKeyPair reads a certificate and its key, both PEM.
func openKeyPair(certFile, keyFile string, log *slog.Logger) (*keyPair, error) {
	k := &keyPair{certFile: certFile, keyFile: keyFile, log: log, checked: time.Now()}
	k.stamp = k.stamps()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	k.cert = &cert
	return k, nil
}

// get returns the certificate for a handshake, from changed files if they can be read. The last good one stays
// while they cannot, as in the moment between the replacement of the one and the other.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.checked) < keyPairMaxAge {
		return k.cert, nil
	}
	k.checked = time.Now()
	stamp := k.stamps()
	if stamp == k.stamp {
		return k.cert, nil
	}
	k.stamp = stamp
	cert, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		k.log.Warn("changed TLS certificate cannot be read; the last one stays", "error", err)
		return k.cert, nil
	}
	k.cert = &cert
	k.log.Info("changed TLS certificate is in use")
	return k.cert, nil
}

// stamps returns zero for a file that is missing.
func (k *keyPair) stamps() (stamps [2]fileStamp) {
	for i, name := range [...]string{k.certFile, k.keyFile} {
		if info, err := os.Stat(name); err == nil {
			stamps[i] = fileStamp{info.Size(), info.ModTime()}
		}
	}
	return stamps
}
