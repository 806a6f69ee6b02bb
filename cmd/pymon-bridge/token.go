package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

type tokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Make a token for a project, and print it once."`
	List   tokenListCmd   `cmd:"" help:"List the tokens. The bridge does not store the secrets themselves."`
	Rotate tokenRotateCmd `cmd:"" help:"Replace a token by a new one for the same project and scopes. The old token stays valid for a while."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a token. A running bridge refuses it after one or two seconds."`
}

type tokenListCmd struct{ dataFlags }

func (*tokenListCmd) Help() string {
	return `
    pymon-bridge token list --data /var/lib/pymon-bridge`
}

func (c *tokenListCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	return lookAt(ctx, c.Data, logger, func(tokens *sqlite.DB) error {
		list, err := tokens.Tokens(ctx)
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		return printTokens(m.Stdout, list.Valid)
	})
}

func printTokens(out io.Writer, all []monitor.Token) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	printRow(w, "ID", "PROJECT", "SCOPES", "CREATED", "LAST USED", "EXPIRES", "LABEL")
	for _, t := range all {
		printRow(w, t.ID, t.Project, scopesOf(t), timeOrNever(t.Created), timeOrNever(t.Used), timeOrNever(t.Expires), t.Label)
	}
	return w.Flush()
}

func timeOrNever(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateTime)
}

func scopesOf(t monitor.Token) string {
	var names []string
	for _, scope := range t.Scopes {
		names = append(names, string(scope))
	}
	return strings.Join(names, ",")
}

// areLast says whether the tokens that go leave none that stays valid.
func areLast(valid []monitor.Token, goes func(t monitor.Token) bool) bool {
	return slices.ContainsFunc(valid, goes) &&
		!slices.ContainsFunc(valid, func(t monitor.Token) bool { return !goes(t) && t.Expires.IsZero() })
}

type tokenRevokeCmd struct {
	dataFlags
	ID  int64 `arg:"" help:"Number of the token in 'token list'."`
	Yes bool  `help:"Revoke the last token without a question."`
}

func (*tokenRevokeCmd) Help() string {
	return `
    pymon-bridge token revoke 3`
}

// Run removes the token. It asks before it removes the last one that does not expire, because nobody could use the bridge
// afterwards.
func (c *tokenRevokeCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	return lookAt(ctx, c.Data, logger, func(tokens *sqlite.DB) error {
		known, err := tokens.Tokens(ctx)
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		last := areLast(known.Valid, func(t monitor.Token) bool { return t.ID == c.ID })
		if last && !c.Yes && !m.confirm("Token %d is the last token that stays valid: "+
			"after this nobody can use the bridge until you add one. Continue? [y/N] ", c.ID) {
			return fmt.Errorf("token %d is not revoked: it is the last token that stays valid, and nobody could use the bridge after it; "+
				"--yes revokes it without a question", c.ID)
		}
		if err := tokens.RevokeToken(ctx, c.ID); err != nil {
			return fmt.Errorf("revoke token %d: %w", c.ID, err)
		}
		_, err = fmt.Fprintf(m.Stdout, "Token %d is revoked.\n", c.ID)
		return err
	})
}
