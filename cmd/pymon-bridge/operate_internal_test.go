package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// Letters of which InfluxDB says the same, numbers apart, are one group. The number of groups has a limit.
func TestDeadLettersAreGrouped(t *testing.T) {
	list := letterList{known: map[letterGroup]*letterGroup{}}
	letter := func(seq uint64, words string) monitor.Letter {
		return monitor.Letter{DeadLetter: monitor.DeadLetter{Seq: seq, Class: monitor.ClassMetric, Status: 422, Reason: words}, Project: "shop"}
	}
	for seq := range uint64(50) {
		list.add(letter(seq, "its time is "+time.Unix(int64(seq), 0).UTC().Format(time.TimeOnly)), 20)
	}
	require.Len(t, list.Groups, 1)
	assert.EqualValues(t, 50, list.Groups[0].Letters)
	assert.Equal(t, "its time is 00:00:00", list.Groups[0].Reason)
	assert.Len(t, list.Letters, 20)
	for seq := range uint64(2 * mostGroups) {
		list.add(letter(seq, string(rune('一'+seq))), 20)
	}
	assert.LessOrEqual(t, len(list.Groups), mostGroups+1)
	assert.EqualValues(t, 50+2*mostGroups, list.Total)
}

// Clients choose names, and InfluxDB or a proxy chooses words. None of them controls the terminal.
func TestOperatorsSeeOnlyWhatIsPrinted(t *testing.T) {
	const evil = "\x1b]0;title\x07\u202e\x1b[2J"
	var out bytes.Buffer
	m := &Main{Stdout: &out, Stderr: &out}
	shown := map[string]int{"dead list": 5, "dead show": 3, "status": 5, "verify": 3, "token list": 2, "token rotate": 1, "import": 2, "delete": 2, "replay": 2}
	for name, print := range map[string]func() error{
		"dead list": func() error {
			list := letterList{known: map[letterGroup]*letterGroup{}}
			list.add(monitor.Letter{DeadLetter: monitor.DeadLetter{Seq: 1, Class: monitor.ClassMetric, Reason: evil}, Name: evil, Project: evil}, 0)
			return new(deadListCmd).print(m, &list)
		},
		"dead show": func() error {
			printLetter(&out, &monitor.Record{Project: evil, Context: &monitor.Context{}}, []monitor.Letter{{DeadLetter: monitor.DeadLetter{Dest: evil, Reason: evil}}})
			return nil
		},
		"status": func() error {
			return (&statusResult{Attention: []string{evil}, Projects: []monitor.ProjectStatus{{Project: evil, LastRun: evil}},
				Delivery: []deliveryStatus{{Dest: evil, Undeleted: []monitor.Undeleted{{Project: evil}}}}}).print(&out, time.Now())
		},
		"verify": func() error {
			printVerified(m, "pymon.db", "", &sqlite.Verification{Notes: []string{evil}, Findings: []sqlite.Finding{{Where: evil, What: evil}}})
			return nil
		},
		"token list":   func() error { return printTokens(&out, []monitor.Token{{Project: evil, Label: evil}}) },
		"token rotate": func() error { return m.printToken(monitor.Token{Project: evil}, "") },
		"import": func() error {
			return (&restored{Source: evil, Projects: map[string]*recordCounts{evil: {}}}).print(m, false, false)
		},
		"delete": func() error {
			return new(deleteCmd).print(m, &deleteResult{DeletionState: monitor.DeletionState{Dest: evil}, Left: []monitor.Destination{evil + "."}})
		},
		"replay": func() error {
			return m.printReplay(replayResult{Served: true, Done: true, ReplayState: monitor.ReplayState{Dest: evil, Reasons: map[string]int64{evil: 1}}})
		},
	} {
		out.Reset()
		require.NoError(t, print(), name)
		assert.Equal(t, shown[name], strings.Count(out.String(), `\x1b]0;title\a\u202e`), out.String())
		assert.Equal(t, -1, strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }), "%q", out.String())
	}
}

// What "serve" refuses, "serve --check" refuses too.
func TestCheckingRefusesALinkToAnotherFile(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	logger := slog.New(slog.DiscardHandler)
	require.NoError(t, shareFile(t.Context(), other, logger, func(*sqlite.DB) error { return nil }))
	require.NoError(t, os.Symlink(filepath.Join(other, sqlite.FileName), filepath.Join(dir, sqlite.FileName)))
	for _, args := range [][]string{{"serve"}, {"serve", "--check"}} {
		var out, log bytes.Buffer
		args = append(args, "--data", dir, "--listen", "127.0.0.1:0")
		assert.Equal(t, 1, (&Main{Stdout: &out, Stderr: &log}).Run(t.Context(), args), args)
		assert.Contains(t, log.String(), "is a symbolic link: expected a file", args)
		assert.Empty(t, out.String())
	}
}

// No choice is no choice of all: dead letters are not retried or dropped by mistake.
func TestDeadLettersHaveToBeChosen(t *testing.T) {
	for _, f := range []chosenFlags{{}, {All: true, Numbers: []uint64{1}}, {All: true, letterFlags: letterFlags{Project: "shop"}}} {
		_, err := f.choose()
		assert.Error(t, err)
	}
	q, err := chosenFlags{Numbers: []uint64{7}, letterFlags: letterFlags{Class: "metric"}}.choose()
	require.NoError(t, err)
	assert.Equal(t, monitor.LetterQuery{Seqs: []uint64{7}, Class: monitor.ClassMetric}, q)
	q, err = chosenFlags{All: true}.choose()
	require.NoError(t, err)
	assert.Equal(t, monitor.LetterQuery{}, q)
}

// A user who may not use the file reads who may.
func TestACommandOfAnotherUserSaysWhoMayRunIt(t *testing.T) {
	denied := fmt.Errorf("open lock: %w", &fs.PathError{Op: "open", Path: "pymon.db.lock", Err: syscall.EACCES})
	assert.ErrorContains(t, explainAccess(denied), "run the command as the user of the bridge")
	assert.ErrorContains(t, explainAccess(denied), "pymon.db.lock")
	assert.Equal(t, fs.ErrNotExist, explainAccess(fs.ErrNotExist))
	assert.NoError(t, explainAccess(nil))
}

// A script has no terminal. It must never wait for an answer, nor confirm by accident.
func TestConfirmNeedsATerminal(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	defer write.Close()
	_, err = write.WriteString("y\n")
	require.NoError(t, err)
	nothing, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer nothing.Close()
	for name, in := range map[string]*os.File{"pipe": read, "empty device": nothing} {
		var asked bytes.Buffer
		m := &Main{Stdin: in, Stderr: &asked}
		assert.False(t, m.confirm("Revoke %d?", 1), name)
	}
}
