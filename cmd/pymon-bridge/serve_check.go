package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"path/filepath"

	"pymon-bridge/sqlite"
)

// migratesStatus is the exit status of --check when the file is older than the program.
const migratesStatus = 3

// check says whether this program could serve with these flags, and changes nothing. A bridge may serve meanwhile.
func (c *serveCmd) check(ctx context.Context, m *Main, logger *slog.Logger) error {
	if c.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
			return fmt.Errorf("read the TLS certificate: %w", err)
		}
	}
	if _, _, err := newDetector(c.JudgeSettings); err != nil {
		return err
	}
	backend, err := c.openBackend(logger, func(string) {})
	if err != nil {
		return err
	}
	if backend != nil {
		defer backend.Close()
	}
	file, known, err := sqlite.VersionOf(ctx, filepath.Join(c.Data, sqlite.FileName))
	switch {
	case err != nil:
		return err
	case file > 0 && file < known:
		return &exitError{migratesStatus, fmt.Errorf("the file in %s has version %d, and pymon-bridge %s brings it to version %d. Older "+
			"programs cannot serve it then", c.Data, file, version, known)}
	}
	_, err = fmt.Fprintf(m.Stdout, "pymon-bridge %s can serve %s.\n", version, c.Data)
	return err
}
