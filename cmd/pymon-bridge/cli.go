package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/alecthomas/kong"
)

// Main is the program: what it reads and writes, and the commands it has.
type Main struct {
	Stdout, Stderr io.Writer

	banner bool // a person reads standard error
}

// NewMain returns the program connected to the process's standard streams.
func NewMain() *Main {
	return &Main{Stdout: os.Stdout, Stderr: os.Stderr}
}

// cli is the command line. Every flag has an environment variable; flags win.
type cli struct {
	Serve       serveCmd       `cmd:"" default:"withargs" help:"Accept measurements and deliver them (the default command)."`
	Check       checkCmd       `cmd:"" help:"Ask a running bridge whether a run has regressed; fails a pipeline if so."`
	Influx      influxCmd      `cmd:"" help:"Prepare InfluxDB."`
	Token       tokenCmd       `cmd:"" help:"Make, list and revoke the tokens that clients need."`
	Grafana     grafanaCmd     `cmd:"" help:"Get the dashboards and alerts for Grafana."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running bridge whether it is ready; for containers."`
	Version     versionCmd     `cmd:"" help:"Print the version."`

	LogFormat string `group:"Logging" help:"Format of the log on standard error: ${enum}." enum:"text,json" default:"text" env:"PYMON_LOG_FORMAT"`
	LogLevel  string `group:"Logging" help:"Least level that is logged: ${enum}." enum:"debug,info,warn,error" default:"info" env:"PYMON_LOG_LEVEL"`
}

// dataFlags are shared by the commands that work on the data directory.
type dataFlags struct {
	Data string `group:"Storage" help:"Directory that holds everything accepted." default:"./pymon-bridge-data" env:"PYMON_DATA"`
}

const description = `The server behind "pytest --remote-server URL" (plugin pytest-monitor): keeps every measured test
and writes each as a tagged point into InfluxDB v2.`

// exit carries the status of a parser that wants to end the program, as --help does.
type exit int

// exitError is an error with an exit status of its own.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// Run parses the command line, runs the command until it ends or ctx is done, and returns the exit status: 0 when
// all went well, 1 when the command failed, 2 when the command line is wrong. Commands may define others.
func (m *Main) Run(ctx context.Context, args []string) (status int) {
	defer func() {
		if code, ok := recover().(exit); ok {
			status = int(code)
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("pymon-bridge"), kong.Description(description),
		kong.Writers(m.Stdout, m.Stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Resolvers(kong.ResolverFunc(secretFromFile)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(m),
	)
	if err != nil {
		panic(fmt.Sprintf("the command line is declared wrongly: %v", err))
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(m.Stderr, "pymon-bridge: %v\nTry pymon-bridge --help.\n", err)
		return 2
	}
	m.banner = c.LogFormat == "text"
	err = command.Run(c.logger(m.Stderr))
	if err != nil && command.Command() == "serve" && errors.Is(err, context.Canceled) {
		return 0 // told to stop while it started
	}
	if err != nil {
		fmt.Fprintf(m.Stderr, "pymon-bridge: %v\n", err)
		if e, ok := errors.AsType[*exitError](err); ok {
			return e.status
		}
		return 1
	}
	return 0
}

// logger returns the log that the flags ask for.
func (c *cli) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo // the flag's enum allows valid levels only
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
