package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"github.com/alecthomas/kong"

	"pymon-bridge/report"
)

// Main is the program with its streams.
type Main struct {
	Stdin          *os.File
	Stdout, Stderr io.Writer

	banner bool                   // a person reads standard error
	color  string                 // --color
	files  valueFiles             // files that gave values to flags
	level  slog.LevelVar          // lowest level in the log
	bridge atomic.Pointer[string] // address of the bridge that serves; nil before
}

// cli is the command line. Most flags also have an environment variable. A flag wins over its variable. The parser finds the methods of a
// command by their names: Help has its examples, Validate checks its flags, and Run runs it.
type cli struct {
	Serve       serveCmd       `cmd:"" default:"withargs" help:"Accept measurements and deliver them. This is the default command."`
	Run         runCmd         `cmd:"" help:"Run a test command such as pytest, measure its tests, and say at the end what failed, what was slow and what changed."`
	RunBridge   runBridgeCmd   `cmd:"" hidden:"" help:"Serve the tests of the command run, which starts this command."`
	Check       checkCmd       `cmd:"" help:"Say whether a run has regressed, and fail if it has. Meant for pipelines."`
	Accept      acceptCmd      `cmd:"" help:"Accept regressions: what tests need now is usual from now on. List what was accepted, and take it back."`
	Runs        runsCmd        `cmd:"" help:"List the newest runs."`
	Top         topCmd         `cmd:"" help:"List the tests of a run that take the most time or memory."`
	Show        showCmd        `cmd:"" help:"Show the history of a test, as graphs and a table."`
	Open        openCmd        `cmd:"" help:"Open the page of a run, a test or the project in the browser."`
	Influx      influxCmd      `cmd:"" help:"Prepare InfluxDB."`
	Token       tokenCmd       `cmd:"" help:"Make, list, replace and revoke the tokens of clients."`
	Verify      verifyCmd      `cmd:"" help:"Read everything in the file of a bridge, and say whether it is damaged."`
	Recover     recoverCmd     `cmd:"" help:"Save what can be read of a damaged file into a new one."`
	Backup      backupCmd      `cmd:"" help:"Copy the file of a bridge, also while it serves."`
	Import      importCmd      `cmd:"" help:"Bring in measurements from .pymon files, from files of bridges, or from InfluxDB."`
	Replay      replayCmd      `cmd:"" help:"Deliver to InfluxDB again what it got before, for example after a bucket was deleted."`
	Status      statusCmd      `cmd:"" help:"Say how the bridge and its file are, on one screen."`
	Upgrade     upgradeCmd     `cmd:"" help:"Let the new version of the program take the place of a serving bridge. No client notices."`
	Dead        deadCmd        `cmd:"" help:"List, show, retry and drop dead letters: the records that InfluxDB refuses for good."`
	Delete      deleteCmd      `cmd:"" help:"Remove a project from the file and from InfluxDB."`
	Grafana     grafanaCmd     `cmd:"" help:"Write the dashboards and alert rules for Grafana."`
	Plugin      pluginCmd      `cmd:"" help:"Write the plugin for pytest, which measures more than pytest-monitor and costs less."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running bridge whether it is ready. Meant for containers."`
	Completion  completionCmd  `cmd:"" help:"Print a script with which bash, zsh or fish completes commands and flags."`
	Help        helpCmd        `cmd:"" help:"Print the help of a command."`
	Complete    completeCmd    `cmd:"" hidden:"" help:"Print how a command line may go on. The scripts of completion ask this."`
	Version     versionCmd     `cmd:"" help:"Print the version."`

	general
}

// dataFlags are the flags of the commands that work on the data directory.
type dataFlags struct {
	Data string `group:"Storage" help:"Directory of the local file, which keeps all accepted records." default:"./pymon-bridge-data" env:"PYMON_DATA"`
}

// exit is the exit status with which the parser ends the program, for example after --help.
type exit int

// exitError is an error with an exit status of its own. Without err nothing is printed.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Run parses the command line, runs the command until it ends or ctx is done, and returns the exit status: 0 after a
// success, 1 when the command failed, 2 when the command line is wrong. A command may define other statuses.
func (m *Main) Run(ctx context.Context, args []string) (status int) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exit:
			status = int(p)
		default:
			panic(p)
		}
	}()
	var c cli
	m.files = valueFiles{}
	parser, err := kong.New(&c,
		kong.Name("pymon-bridge"), kong.Description(description),
		kong.Writers(m.Stdout, m.Stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Resolvers(m.files), kong.NamedMapper("secret", kong.MapperFunc(readSecret)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, FlagsLast: true}),
		kong.Help(printHelp), kong.Vars{"version": versionLine()},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(m),
	)
	if err != nil {
		panic(fmt.Sprintf("a field of cli has a wrong tag: %v", err))
	}
	command, err := parser.Parse(args)
	if err != nil {
		err = guess(parser, args, err)
		fmt.Fprintf(m.Stderr, "pymon-bridge: %v\nTry %s --help.\n", err, commandAtFault(err))
		return 2
	}
	m.banner, m.color = c.LogFormat != "json", c.Color
	logger := c.logger(m)
	if name := command.Command(); name != "serve" && name != "run-bridge" && c.LogLevel == "info" {
		m.level.Set(slog.LevelWarn) // a command prints what people ask for
	}
	err = command.Run(logger)
	if err != nil && command.Command() == "serve" && errors.Is(err, context.Canceled) {
		return 0 // a signal stopped the bridge while it started
	}
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*exitError](err)
	if !ok {
		e = &exitError{1, err}
	}
	if e.err != nil {
		m.say("%v", err)
	}
	return e.status
}

// say tells the person at the terminal something beside what the command prints.
func (m *Main) say(format string, args ...any) {
	fmt.Fprintf(m.Stderr, "pymon-bridge: %s\n", printableLines(fmt.Sprintf(format, args...)))
}

// printableLines returns what an error says as a terminal may show it. A server may have written a part of it.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = report.Printable(line)
	}
	return strings.Join(lines, "\n")
}

// logger returns the log that the flags ask for.
func (c *cli) logger(m *Main) *slog.Logger {
	m.level.Set(levels[c.LogLevel])
	options := &slog.HandlerOptions{Level: &m.level}
	log := &pageLog{Handler: slog.NewTextHandler(m.Stderr, options), bridge: &m.bridge, people: c.LogFormat == "auto" && isTerminal(m.Stderr)}
	switch {
	case c.LogFormat == "json":
		log.Handler = slog.NewJSONHandler(m.Stderr, options)
	case log.people:
		log.Handler = newPeopleLog(m.Stderr, &m.level, m.coloured(m.Stderr))
	}
	return slog.New(log)
}
