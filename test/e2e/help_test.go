package e2e_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

func TestVersionIsAFlagToo(t *testing.T) {
	t.Parallel()
	version := harness.RunProgram(t, nil, "version")
	for _, args := range [][]string{{"--version"}, {"-V"}, {"check", "--version"}} {
		assert.Equal(t, version, harness.RunProgram(t, nil, args...), args)
	}
}

func TestAMisspeltCommandIsGuessed(t *testing.T) {
	t.Parallel()
	for typed, says := range map[string]string{
		"chek":       `unexpected argument chek, did you mean "check"?` + "\nTry pymon-bridge --help.\n",
		"tokne list": `unexpected argument tokne, did you mean "token"?` + "\nTry pymon-bridge --help.\n",
		"token lits": `unexpected argument lits, did you mean "list"?` + "\nTry pymon-bridge token --help.\n",
		"frobnicate": "unexpected argument frobnicate\nTry pymon-bridge --help.\n",
		// The flags are in the help of the command.
		"recover a.db b.db": "unexpected argument a.db\nTry pymon-bridge recover --help.\n",
		"token add":         `expected "<project>"` + "\nTry pymon-bridge token add --help.\n",
	} {
		r := harness.RunProgram(t, nil, strings.Fields(typed)...)
		assert.Equal(t, harness.Result{ExitCode: 2, Stderr: "pymon-bridge: " + says}, r, typed)
	}
}

// Many programs have a command for help. What it prints is that of the flag.
func TestHelpIsACommandToo(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"", "check", "token", "token add", "help"} {
		words := strings.Fields(command)
		flag := harness.RunProgram(t, nil, append(words, "--help")...)
		require.Equal(t, 0, flag.ExitCode)
		assert.Equal(t, flag, harness.RunProgram(t, nil, append([]string{"help"}, words...)...), command)
	}
	for typed, says := range map[string]string{"chek": `unexpected argument chek, did you mean "check"?`, "token ad": `unexpected argument ad, did you mean "add"?`} {
		assert.Equal(t, harness.Result{ExitCode: 2, Stderr: "pymon-bridge: " + says + "\n"}, harness.RunProgram(t, nil, append([]string{"help"}, strings.Fields(typed)...)...))
	}
	assert.Contains(t, harness.RunProgram(t, nil, "hepl").Stderr, `did you mean "help"?`)
}

// Every command shows two or three examples first, then its own flags, and then those that all commands have.
func TestHelpBeginsWithWhatIsTyped(t *testing.T) {
	t.Parallel()
	top := harness.RunProgram(t, nil, "--help").Stdout
	assert.Less(t, strings.Index(top, "\nCommands:"), strings.Index(top, "\nGeneral"), "commands before flags")
	assert.Regexp(t, `(?m)^    pymon-bridge run -- pytest`, top)
	commands := regexp.MustCompile(`(?m)^  ([a-z]+)  `).FindAllStringSubmatch(top, -1)
	require.GreaterOrEqual(t, len(commands), 9)
	var all [][]string
	for _, command := range commands {
		sub := regexp.MustCompile(`(?m)^  [a-z]+ ([a-z]+)  `).FindAllStringSubmatch(harness.RunProgram(t, nil, command[1], "--help").Stdout, -1)
		for _, s := range sub {
			all = append(all, []string{command[1], s[1]})
		}
		if len(sub) == 0 {
			all = append(all, []string{command[1]})
		}
	}
	require.GreaterOrEqual(t, len(all), 12)
	for _, command := range all {
		help := harness.RunProgram(t, nil, append(command, "--help")...).Stdout
		examples := regexp.MustCompile(`(?m)^    (?:[A-Z_]+=\S+ )?pymon-bridge.*$`).FindAllStringIndex(help, -1)
		if assert.NotEmpty(t, examples, help) && assert.LessOrEqual(t, len(examples), 4) {
			at := strings.Index(help, "\nFlags:")
			assert.Less(t, examples[0][0], max(at, strings.Index(help, "\nGeneral")), command)
		}
		for _, at := range examples {
			typed, _, _ := strings.Cut(help[at[0]:at[1]], " -- ")
			typed, _, _ = strings.Cut(typed, " #")
			for _, flag := range regexp.MustCompile(` (--?[a-z-]+)`).FindAllStringSubmatch(typed, -1) {
				assert.Regexp(t, `(?m)^ +(-[a-zA-Z], +)?`+flag[1]+`(,|=|$| )`, help[at[1]:], "the flags of the example %q exist", typed)
			}
		}
		general := strings.Index(help, "\nGeneral")
		assert.Equal(t, -1, strings.Index(help[general+1:], "\n\n"), "%v: what all commands have comes last:\n%s", command, help)
		assert.Contains(t, help[general:], "--log-format")
		assert.Contains(t, help[general:], "--help")
	}
}
