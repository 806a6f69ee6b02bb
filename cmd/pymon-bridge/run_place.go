package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pymon-bridge/monitor"
)

// bridgePlace is the place of the bridge of a data directory.
type bridgePlace struct {
	dir   string
	file  *os.File
	users *os.File // has the exclusive lock when nobody uses the bridge
}

// takeBridgePlace fails with [unix.EWOULDBLOCK] when another bridge has the place.
func takeBridgePlace(dir string) (*bridgePlace, error) {
	f, err := lock(filepath.Join(dir, bridgeFile), unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	return &bridgePlace{dir: dir, file: f}, f.Truncate(0) // a bridge that was killed leaves its address
}

// announce tells the users the address.
func (p *bridgePlace) announce(url string) error {
	_, err := fmt.Fprintf(p.file, "%d %s\n", os.Getpid(), url)
	return err
}

// withdraw takes the address back, so that new users wait for the end of this bridge and start another.
func (p *bridgePlace) withdraw() error { return p.file.Truncate(0) }

// whileUsed returns a context that is done when nobody uses the bridge any more. From then on nobody can take a seat, until
// this process ends.
func (p *bridgePlace) whileUsed(ctx context.Context) context.Context {
	ctx, unused := context.WithCancel(ctx)
	go func() {
		defer unused()
		for ctx.Err() == nil {
			users, err := lock(filepath.Join(p.dir, usersFile), unix.LOCK_EX)
			if !errors.Is(err, unix.EWOULDBLOCK) { // it has the lock, or can never know who uses the bridge
				p.users = users // the lock ends with the file
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * lockPause):
			}
		}
	}()
	return ctx
}

// Tokens lists the tokens of the users. The bridge of `run` knows no others. It implements [httpd.TokenLister].
func (p *bridgePlace) Tokens(context.Context) (list monitor.TokenList, err error) {
	list.Had = true
	f, err := os.Open(filepath.Join(p.dir, usersFile))
	if err != nil {
		return list, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	for line := range strings.Lines(string(text)) {
		hash, project, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		token := monitor.Token{Project: project, Scopes: []monitor.Scope{monitor.ScopeAdmin}, Lists: true}
		if !ok || len(hash) != hex.EncodedLen(len(token.Hash)) {
			continue
		}
		if _, err := hex.Decode(token.Hash[:], []byte(hash)); err == nil {
			list.Valid = append(list.Valid, token)
		}
	}
	return list, err
}
