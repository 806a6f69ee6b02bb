package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// acceptCmd accepts regressions, lists what was accepted, and takes it back.
type acceptCmd struct {
	askFlags
	Test    string  `help:"Accept this test: its node id, or a part of its name that no other test has." placeholder:"TEST" xor:"what"`
	Part    string  `help:"Accept the tests of this component, folder or file." placeholder:"NAME" xor:"what"`
	All     bool    `help:"Accept all regressions of the run." xor:"what"`
	Note    string  `help:"Why. Reports show it." placeholder:"WHY"`
	Branch  *string `help:"Branch whose last commit is accepted. Without it, that of the last run." placeholder:"NAME"`
	RunID   *string `name:"run" help:"Run that is accepted, by its id." placeholder:"ID"`
	Against string  `help:"Branch that the run is compared with, as check --branch does for a pull request." placeholder:"NAME"`
	List    bool    `help:"List what was accepted." xor:"what"`
	Undo    int64   `help:"Take the acceptance with this number back." placeholder:"NUMBER" xor:"what"`
}

func (*acceptCmd) Help() string {
	return `
    pymon-bridge accept --test test_export --note "exports have images now"
    pymon-bridge accept --all --branch main --note "new database" --url https://pymon.example.org/p/shop
    pymon-bridge accept --list
    pymon-bridge accept --undo 3`
}

func (c *acceptCmd) Validate() error {
	accepts := c.Test != "" || c.Part != "" || c.All
	switch {
	case c.Undo < 0:
		return fmt.Errorf("--undo: expected a number that --list shows, got %d", c.Undo)
	case !accepts && !c.List && c.Undo == 0:
		return errors.New("expected one of --test TEST, --part NAME, --all, --list and --undo NUMBER")
	case accepts && strings.TrimSpace(c.Note) == "":
		return errors.New("--note: expected why it is accepted")
	}
	// When the variable of a pipeline is empty, the command must not accept what somebody else measured.
	for flag, value := range map[string]*string{"--run": c.RunID, "--branch": c.Branch} {
		if value != nil && *value == "" {
			return fmt.Errorf("%s: expected a value, got an empty text", flag)
		}
	}
	return nil
}

func (c *acceptCmd) Run(ctx context.Context, m *Main) error {
	ctx, s, err := c.open(ctx, m)
	if err != nil {
		return err
	}
	defer s.close()
	if c.List {
		return c.list(ctx, m, s)
	}
	method, path, body := http.MethodPost, []string{"acceptances", ""}, c.body()
	if c.Undo != 0 {
		method, path, body = http.MethodDelete, []string{"acceptances", strconv.FormatInt(c.Undo, 10)}, nil
	} else if c.Test != "" {
		h, err := s.history(ctx, c.Test)
		if err != nil {
			return fmt.Errorf("--test: %w", err)
		}
		body["item_path"], body["item_variant"] = h.ItemPath, h.ItemVariant
	}
	var a monitor.Acceptance
	if err := s.send(ctx, method, body, &a, path...); err != nil {
		return err
	}
	s.wait.end()
	if c.JSON {
		return m.printJSON(a)
	}
	said := acceptedText(&a)
	if c.Undo != 0 {
		said = undoneText(&a)
	}
	_, err = fmt.Fprintln(m.Stdout, said)
	return err
}

// acceptedText says what an acceptance does.
func acceptedText(a *monitor.Acceptance) string {
	run, scope := report.Printable(a.Run), scopeOf(a)
	switch {
	case a.Regressions == 0 && a.AcceptedScope == (monitor.AcceptedScope{}):
		return fmt.Sprintf("Nothing is worse in run %s; slow growth is measured from here: number %d.", run, a.ID)
	case a.Regressions == 0:
		return fmt.Sprintf("Nothing of %s is worse in run %s; its slow growth is measured from here: number %d.", scope, run, a.ID)
	default:
		return fmt.Sprintf("%s of %s %s accepted, with all that run %s has: number %d.", count(int64(a.Regressions), "regression"), scope, are(a), run, a.ID)
	}
}

// undoneText says what is so without an acceptance.
func undoneText(a *monitor.Acceptance) string {
	if a.Regressions == 0 {
		return fmt.Sprintf("Number %d is taken back: slow growth is measured as before.", a.ID)
	}
	return fmt.Sprintf("Number %d is taken back: its %s %s no longer accepted.", a.ID, count(int64(a.Regressions), "regression"), are(a))
}

// are is the verb for the regressions of an acceptance.
func are(a *monitor.Acceptance) string {
	if a.Regressions == 1 {
		return "is"
	}
	return "are"
}

// body returns the request for what is accepted.
func (c *acceptCmd) body() map[string]any {
	body := map[string]any{"note": c.Note, "all": c.All, "by": userName(), "part": c.Part, "against": c.Against}
	for name, value := range map[string]*string{"branch": c.Branch, "run": c.RunID} {
		if value != nil {
			body[name] = *value
		}
	}
	return body
}

// userName returns the name of the user of this machine.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// list prints what was accepted. Without anything, it tells an unknown project from one that has accepted nothing.
func (c *acceptCmd) list(ctx context.Context, m *Main, s *source) error {
	var answer struct{ Acceptances []monitor.Acceptance }
	if err := s.read(ctx, &answer, nil, "acceptances", ""); err != nil {
		return err
	}
	if len(answer.Acceptances) == 0 {
		if err := s.haveRuns(ctx); err != nil {
			return err
		}
	}
	s.wait.end()
	switch {
	case c.JSON:
		return m.printJSON(answer.Acceptances)
	case len(answer.Acceptances) == 0:
		_, err := fmt.Fprintln(m.Stdout, "Nothing was accepted.")
		return err
	}
	w := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tWHEN\tBY\tBRANCH\tRUN\tWHAT\tREGRESSIONS\tWHY")
	for i := range answer.Acceptances {
		a := &answer.Acceptances[i]
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", a.ID, a.At.UTC().Format(time.DateTime), report.Printable(a.By),
			report.Printable(a.Branch), report.Printable(a.Run), scopeOf(a), a.Regressions, oneLine(a.Note, 80))
	}
	return w.Flush()
}

// scopeOf names what was accepted.
func scopeOf(a *monitor.Acceptance) string {
	switch {
	case a.ItemVariant != "":
		return report.Printable(a.ItemPath + "::" + a.ItemVariant)
	case a.Part != "":
		return report.Printable(a.Part)
	default:
		return "all tests"
	}
}
