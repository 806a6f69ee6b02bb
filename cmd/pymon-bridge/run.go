package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"pymon-bridge/budget"
	"pymon-bridge/monitor"
	"pymon-bridge/plugin"
)

// runCmd runs a command, and measures the tests of every pytest that the command starts. The exit status is that of the
// command. With --check it is that of the gate where the command has ended with 0.
type runCmd struct {
	Data    string `help:"Directory that keeps the measurements. Without this flag it is .pymon-bridge in the root of the repository, or here where there is none." placeholder:"DIR"`
	URL     string `help:"Address of a bridge to send to, as in pytest's --remote-server. Without it, a bridge runs as long as the command does." placeholder:"URL" env:"PYMON_URL"`
	Token   string `help:"Token for --url. It is safer in the environment variable, or in the file that PYMON_TOKEN_FILE names." placeholder:"TOKEN" env:"PYMON_TOKEN" file:"" type:"secret"`
	Project string `help:"Project of the measurements, if --url names none." placeholder:"NAME" env:"PYMON_PROJECT"`

	Tag     []string `help:"Tag of the run, such as branch=main; repeatable. It is like pytest-monitor's --tag." sep:"none" placeholder:"NAME=VALUE"`
	Check   bool     `help:"Fail when the run has regressed, as the command check does."`
	Summary string   `help:"Also write the summary to this file, as Markdown. GitHub Actions shows it on the job's page without this flag." placeholder:"FILE" env:"PYMON_SUMMARY"`
	judgeFlags

	influxFlags
	InfluxWait time.Duration `group:"InfluxDB" help:"How long to wait at the end until InfluxDB has everything." default:"30s" env:"PYMON_INFLUX_WAIT"`

	Command []string `arg:"" passthrough:"" help:"Command that runs the tests, behind the flags of run: run --check -- pytest -x."`
}

// invocation is one `run` of a command.
type invocation struct {
	*runCmd
	m      *Main
	seat   *seat  // nil with --url
	to     source // the bridge that gets the measurements
	id     string
	died   bool         // the bridge ended before the command did
	budget *budget.File // nil for no limits
	done   []string     // the runs that measured something, and whose pytests have said that they ended
}

// statusNoRun is the exit status where `run` itself fails before the command runs, as in other programs that run a command.
const statusNoRun = 125

func (c *runCmd) Validate() error {
	if len(c.Command) > 0 { // the parser keeps the hyphens, and takes an unknown flag for the command
		if first := c.Command[0]; first == "--" {
			c.Command = c.Command[1:]
		} else if strings.HasPrefix(first, "-") {
			name, _, _ := strings.Cut(first, "=")
			return fmt.Errorf("unknown flag %s: expected a flag of run before the command, or -- before the command", name)
		}
	}
	if len(c.Command) == 0 {
		return errors.New("expected a command, such as pymon-bridge run -- pytest")
	}
	if c.Data != "" && c.URL != "" {
		if c.URL != os.Getenv("PYMON_URL") {
			return errors.New("--data and --url: expected only one of them")
		}
		c.URL = "" // a flag wins over a variable
	}
	for _, tag := range c.Tag {
		if name, _, ok := strings.Cut(tag, "="); !ok || name == "" || strings.ContainsAny(tag, "\r\n") {
			return fmt.Errorf("--tag: expected NAME=VALUE in one line, got %q", tag)
		}
	}
	if c.Project != "" && !monitor.ValidProject(c.Project) {
		return errors.New("--project: expected 1 to 64 letters, digits, dots, underscores and hyphens")
	}
	if c.InfluxWait < 0 {
		return errors.New("--influx-wait: expected a duration of 0 or more, such as 30s")
	}
	if err := c.judgeFlags.Validate(); err != nil {
		return err
	}
	return c.influxFlags.validate()
}

func (*runCmd) Help() string {
	return `
    pymon-bridge run -- pytest -n 4
    pymon-bridge run --check --branch main -- tox
    pymon-bridge run --url https://pymon.example.org --project shop -- make test`
}

// Run runs the command, and says at the end what became of its tests.
func (c *runCmd) Run(ctx context.Context, m *Main) error {
	i := &invocation{runCmd: c, m: m, id: newRunID()}
	err := errors.Join(expectFile("--summary", c.Summary), expectFile("--rerun-file", c.RerunFile)) // better now than after the tests
	if err == nil {
		if c.Summary != "" {
			_ = os.Truncate(c.Summary, 0) // the file of an earlier run says nothing about this one
		}
		i.budget, err = c.limits()
	}
	if err == nil {
		err = i.open(ctx)
	}
	if err != nil {
		return &exitError{statusNoRun, err}
	}
	signals := make(chan os.Signal, 16)
	defer signal.Stop(signals) // after the end of the bridge: a second ^C must not leave it alone
	defer i.close()
	folder, err := writePlugin()
	if err != nil {
		return &exitError{statusNoRun, err}
	}
	defer os.RemoveAll(folder)
	variables := environmentOf(os.Environ())
	if err := variables.forTests(folder, i.to.client, i.id, c.Tag); err != nil {
		return &exitError{statusNoRun, err}
	}
	if ctx.Err() != nil {
		return &exitError{statusNoRun, errors.New("stopped before the command began")}
	}
	child, err := startChild(m, signals, c.Command, variables.list())
	if err != nil {
		return err
	}
	status := child.wait()
	ctx, stop := child.untilSignal(context.WithoutCancel(ctx))
	defer stop()
	gate := i.finish(ctx)
	switch {
	case status != 0:
		return &exitError{status: status}
	case c.Check:
		return gate
	}
	return nil
}

// newRunID returns an id that looks like the hash of a session, so pages show its first digits, and find it by them.
func newRunID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails
	return hex.EncodeToString(id[:])
}

// open finds the bridge to send to. It starts one where the flags name none.
func (i *invocation) open(ctx context.Context) (err error) {
	if i.URL != "" {
		i.to.client = client{i.URL, i.Token, i.Project}
		_, err = i.to.base()
		return err
	}
	i.Project = cmp.Or(i.Project, monitor.DefaultProject)
	i.seat, i.to.client, err = openSeat(ctx, i.Data, i.Project, i.influxFlags)
	return err
}

// close gives up the bridge. Its failure changes no status: the measurements are on the disk.
func (i *invocation) close() {
	if i.seat == nil {
		return
	}
	if err := i.seat.close(); err != nil {
		i.m.say("%v", err)
	}
}

// writePlugin writes the plugin into a new folder, from which Python can import it.
func writePlugin() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "pymon-bridge-"); err != nil {
		return "", fmt.Errorf("make a temporary folder for the plugin (TMPDIR names another place): %w", err)
	}
	if err = plugin.Write(folder); err == nil {
		err = os.Chmod(folder, 0o755) // #nosec G302 -- the command may change the user
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, nil
}
