package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

type tokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Make a token for a project, and print it once."`
	List   tokenListCmd   `cmd:"" help:"List the tokens. The bridge does not store the secrets themselves."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a token. A running bridge refuses it after one or two seconds."`
}

type tokenAddCmd struct {
	dataFlags
	Project string `arg:"" help:"Project that clients with the token can write and read."`
	Label   string `help:"Purpose of the token, for 'token list'." placeholder:"TEXT"`
}

// tokenBytes is the size of a token: 256 random bits.
const tokenBytes = 32

// Run prints a new token. The file has only its SHA-256.
func (c *tokenAddCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	if !monitor.ValidProject(c.Project) {
		return fmt.Errorf("PROJECT: expected 1 to 64 letters, digits, dots, underscores or hyphens, got %q", c.Project)
	}
	return withTokens(ctx, c.Data, logger, func(tokens monitor.TokenStore) error {
		random := make([]byte, tokenBytes)
		rand.Read(random) // never returns an error: it ends the program
		secret := base64.RawURLEncoding.EncodeToString(random)
		id, err := tokens.AddToken(ctx, monitor.Token{Project: c.Project, Label: c.Label, Created: time.Now(),
			Hash: sha256.Sum256([]byte(secret))})
		if err != nil {
			return fmt.Errorf("store the token: %w", err)
		}
		_, err = fmt.Fprintln(m.Stdout, secret)
		fmt.Fprintf(m.Stderr, "Token %d of project %s. It is shown only now. Use it as\n"+
			"  pytest --remote-server http://x:%s@HOST:8080\n"+
			"or as the password in .netrc, or as \"Authorization: Bearer …\".\n", id, c.Project, secret)
		return err
	})
}

type tokenListCmd struct{ dataFlags }

// Run prints one line for each token.
func (c *tokenListCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	return withKnownTokens(ctx, c.Data, logger, func(tokens monitor.TokenStore) error {
		list, err := tokens.Tokens(ctx)
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		w := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tPROJECT\tCREATED\tLABEL")
		for _, t := range list {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", t.ID, t.Project, t.Created.UTC().Format(time.DateTime), t.Label)
		}
		return w.Flush()
	})
}

type tokenRevokeCmd struct {
	dataFlags
	ID  int64 `arg:"" help:"Number of the token in 'token list'."`
	Yes bool  `help:"Revoke the last token without a question."`
}

// Run removes the token. It asks before it removes the last one, because nobody can use the bridge afterwards.
func (c *tokenRevokeCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	return withKnownTokens(ctx, c.Data, logger, func(tokens monitor.TokenStore) error {
		known, err := tokens.Tokens(ctx)
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		if len(known) == 1 && known[0].ID == c.ID && !c.Yes && !m.confirm("Token %d is the last token: "+
			"after this nobody can use the bridge until you add one. Continue? [y/N] ", c.ID) {
			return fmt.Errorf("token %d is not revoked: it is the last token, and nobody could use the bridge after it; "+
				"--yes revokes it without a question", c.ID)
		}
		if err := tokens.RevokeToken(ctx, c.ID); err != nil {
			return fmt.Errorf("revoke token %d: %w", c.ID, err)
		}
		_, err = fmt.Fprintf(m.Stdout, "Token %d is revoked.\n", c.ID)
		return err
	})
}

// withTokens opens the file for do. A bridge may serve from the same file at the same time.
func withTokens(ctx context.Context, data string, logger *slog.Logger, do func(monitor.TokenStore) error) error {
	db := sqlite.New(filepath.Join(data, sqlite.FileName), monitor.Zones{Server: time.Local}, logger)
	if err := db.OpenShared(ctx); err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}

// withKnownTokens is [withTokens] for a file that exists. It does not make a new file, which would have no tokens.
func withKnownTokens(ctx context.Context, data string, logger *slog.Logger, do func(monitor.TokenStore) error) error {
	if _, err := os.Stat(filepath.Join(data, sqlite.FileName)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--data: expected the directory of a bridge, but %q has no %s", data, sqlite.FileName)
	}
	return withTokens(ctx, data, logger, do)
}
