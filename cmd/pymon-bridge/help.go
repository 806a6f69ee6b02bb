package main

import (
	"errors"
	"strings"

	"github.com/alecthomas/kong"
)

const description = `The server behind "pytest --remote-server URL" of the plugin pytest-monitor. It keeps every measured
test, and writes each one as a tagged point into InfluxDB v2.`

// firstSteps are the examples of the program as a whole.
const firstSteps = `
    pymon-bridge run -- pytest              # measure tests, without a server
    pymon-bridge serve                      # be the server of a team
    pymon-bridge check --scm-ref "$COMMIT"  # fail when a test became slower`

// general are the flags that every command has.
type general struct {
	Color     string           `group:"General" help:"When to use colours: ${enum}. auto is for terminals, and of check and run for the logs of GitHub and GitLab; NO_COLOR and CLICOLOR_FORCE change it." enum:"auto,always,never" default:"auto" env:"PYMON_COLOR"`
	LogFormat string           `group:"General" help:"Format of the log on standard error: ${enum}. auto is text, on a terminal in short lines for people." enum:"auto,text,json" default:"auto" env:"PYMON_LOG_FORMAT"`
	LogLevel  string           `group:"General" help:"Lowest level in the log: ${enum}." enum:"debug,info,warn,error" default:"info" env:"PYMON_LOG_LEVEL" file:""`
	Version   kong.VersionFlag `group:"General" short:"V" help:"Print the version."`
}

// helpCmd does the same as --help, for those who type it in front.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"Command, such as check or token add."`
}

func (*helpCmd) Help() string {
	return `
    pymon-bridge help
    pymon-bridge help check
    pymon-bridge help token add`
}

func (c *helpCmd) Run(k *kong.Kong) error {
	k.Model.DefaultCmd = nil // else an unknown command is an argument of that one
	ctx, err := kong.Trace(k, c.Command)
	if err == nil {
		err = ctx.Error
	}
	if err != nil {
		return &exitError{2, err}
	}
	return ctx.PrintUsage(false)
}

// printHelp prints the help of a command, with its own flags before those that every command has.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	app := ctx.Model
	app.HelpFlag.Help, app.HelpFlag.Group = "Print this help.", &kong.Group{Key: "General", Title: "General"}
	app.Detail = firstSteps
	node := app.Node
	if selected := ctx.Selected(); selected != nil {
		node = selected
		selected.Flags = append(selected.Flags, app.Flags...)
		app.Flags = nil
	}
	if examples := strings.Trim(node.Detail, "\n"); strings.HasPrefix(examples, " ") { // the library cuts spaces at the beginning
		node.Detail = "Examples:\n\n" + examples
	}
	return kong.DefaultHelpPrinter(options, ctx)
}

// guess returns the error of a wrong command line with the command that was probably meant. The parser guesses no commands, since
// it takes an unknown one for an argument of the default command.
func guess(parser *kong.Kong, args []string, err error) error {
	if !strings.HasPrefix(err.Error(), "unexpected argument") {
		return err
	}
	parser.Model.DefaultCmd = nil
	if _, guessed := parser.Parse(args); guessed != nil && strings.HasPrefix(guessed.Error(), "unexpected argument") {
		return guessed
	}
	return err
}

// commandAtFault returns the words of the command whose help says what was expected.
func commandAtFault(err error) string {
	if wrong, ok := errors.AsType[*kong.ParseError](err); ok && wrong.Context != nil {
		if selected := wrong.Context.Selected(); selected != nil {
			return selected.FullPath()
		}
	}
	return "pymon-bridge"
}
