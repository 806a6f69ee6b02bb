package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
	"pymon-bridge/sqlite"
)

type tokenAddCmd struct {
	dataFlags
	Project string          `arg:"" help:"Project that clients with the token can use."`
	Label   string          `help:"Purpose of the token, for 'token list'." placeholder:"TEXT"`
	Scope   []monitor.Scope `help:"What the token allows: ${enum}; repeatable. pytest needs write; reports, lists and metrics need read; admin allows everything. The default is write,read." enum:"write,read,admin" default:"write,read" placeholder:"SCOPE"`
}

func (*tokenAddCmd) Help() string {
	return `
    pymon-bridge token add shop --label "CI of the shop"
    pymon-bridge token add shop --scope read --label dashboards`
}

func (c *tokenAddCmd) Validate() error {
	slices.Sort(c.Scope)
	if c.Scope = slices.Compact(c.Scope); len(c.Scope) == 0 {
		return errors.New("--scope: expected write, read or admin, or no --scope for write and read")
	}
	return nil
}

// Run prints a new token. The file has only its SHA-256.
func (c *tokenAddCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	if !monitor.ValidProject(c.Project) {
		return fmt.Errorf("PROJECT: expected 1 to 64 letters, digits, dots, underscores or hyphens, got %q", c.Project)
	}
	return shareFile(ctx, c.Data, logger, func(tokens *sqlite.DB) (err error) {
		secret, hash := newSecret()
		t := monitor.Token{Project: c.Project, Label: c.Label, Scopes: c.Scope, Created: time.Now(), Hash: hash}
		if t.ID, err = tokens.AddToken(ctx, t); err != nil {
			return fmt.Errorf("store the token: %w", err)
		}
		return m.printToken(t, secret)
	})
}

type tokenRotateCmd struct {
	dataFlags
	ID   int64         `arg:"" help:"Number of the token in 'token list'."`
	Keep time.Duration `help:"How long the old token stays valid; 0 to revoke it at once." default:"1h"`
}

func (*tokenRotateCmd) Help() string {
	return `
    pymon-bridge token rotate 3
    pymon-bridge token rotate 3 --keep 24h`
}

func (c *tokenRotateCmd) Validate() error {
	if c.Keep < 0 {
		return errors.New("--keep: expected a duration of 0 or more, such as 24h")
	}
	return nil
}

// Run prints the successor of a token.
func (c *tokenRotateCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	return lookAt(ctx, c.Data, logger, func(tokens *sqlite.DB) error {
		secret, hash := newSecret()
		expires := time.Now().Add(c.Keep)
		t, err := tokens.RotateToken(ctx, c.ID, hash, expires)
		if err != nil {
			return fmt.Errorf("replace token %d: %w", c.ID, err)
		}
		err = m.printToken(t, secret)
		if c.Keep > 0 {
			fmt.Fprintf(m.Stderr, "Token %d expires at %s UTC.\n", c.ID, timeOrNever(expires))
		} else {
			fmt.Fprintf(m.Stderr, "Token %d is revoked.\n", c.ID)
		}
		return err
	})
}

// newSecret returns 256 random bits as a text, and the SHA-256 of the text. The text has letters and digits
// only, since a hyphen at its beginning would look like a flag.
func newSecret() (secret string, hash [32]byte) {
	random := make([]byte, 32)
	rand.Read(random) // never returns an error: it ends the program
	secret = hex.EncodeToString(random)
	return secret, hashOf(secret)
}

func hashOf(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// printToken prints the secret, and how to use it.
func (m *Main) printToken(t monitor.Token, secret string) error {
	_, err := fmt.Fprintln(m.Stdout, secret)
	fmt.Fprintf(m.Stderr, "Token %d of project %s, with %s. It is shown only now. Use it as\n"+
		"  pytest --remote-server http://x:%s@HOST:8080\n"+
		"or as the password in .netrc, or as \"Authorization: Bearer …\".\n", t.ID, report.Printable(t.Project), scopesOf(t), secret)
	return err
}
