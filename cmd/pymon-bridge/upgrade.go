package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// upgradeCmd makes a serving bridge run the new version of its program.
type upgradeCmd struct {
	dataFlags
	Migrate bool `help:"Let the new program bring the file to its own version. Older programs cannot serve it then."`
}

// Help implements [kong.HelpProvider].
func (*upgradeCmd) Help() string {
	return `Examples:

  pymon-bridge upgrade --data /var/lib/pymon-bridge
  pymon-bridge backup before.db && pymon-bridge upgrade --migrate

First put the new program where the bridge was started from, by a rename or a link. The bridge checks that this program can serve,
answers what it has accepted, and lets it take its place, with the same flags and variables. No client notices. When the new program
cannot serve, the bridge goes on, and the exit status is 1.`
}

// Run asks the bridge for the upgrade, and waits for the new program.
func (c *upgradeCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	if !newDB(c.Data, logger).ServedNow() { // a command brings a file that nobody serves to its own version
		return fmt.Errorf("no bridge serves %s: the new program needs only be started", c.Data)
	}
	return lookAt(ctx, c.Data, logger, func(db *sqlite.DB) error {
		id, err := db.AskUpgrade(ctx, c.Migrate)
		if err != nil {
			return fmt.Errorf("ask for the upgrade: %w", err)
		}
		var state monitor.UpgradeState
		err = m.await(ctx, db, "Waiting for the new program", "with the upgrade", func() (at howFar, err error) {
			state, at.ended, err = db.UpgradeAnswer(ctx, id)
			return at, err
		})
		switch {
		case err != nil:
			return err
		case state.Error != "":
			return fmt.Errorf("no upgrade: %s", state.Error)
		case state.Before == "":
			_, err = fmt.Fprintf(m.Stdout, "The bridge was started anew meanwhile. It is pymon-bridge %s now.\n", state.Version)
		default:
			_, err = fmt.Fprintf(m.Stdout, "pymon-bridge %s has taken the place of %s. New clients waited for %s at most.\n", state.Version, state.Before,
				state.Waited.Round(time.Millisecond))
		}
		return err
	})
}

// checkWithin is how long the new program may take to check whether it can serve.
const checkWithin = time.Minute

// checkNext asks the program that would replace this one whether it can serve. With migrate it may bring the file to its own
// version.
func checkNext(ctx context.Context, program string, migrate bool) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(os.Args[1:len(os.Args):len(os.Args)], "--check", "--log-level=error", "--color=never")...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	err := cmd.Run()
	if err == nil {
		return nil
	}
	words := strings.TrimPrefix(strings.TrimSpace(said.String()), "pymon-bridge: ")
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == migratesStatus {
		if migrate {
			return nil
		}
		return fmt.Errorf("%s. Make a copy with `pymon-bridge backup`, and then type `pymon-bridge upgrade --migrate`", words)
	}
	if words == "" || ctx.Err() != nil {
		words = errors.Join(err, ctx.Err()).Error()
	}
	return fmt.Errorf("%s cannot serve: %s", program, oneLine(words, 2000))
}

// upgrade prepares the bridge to be replaced by the program in the file that it was started from. When that cannot serve, the
// bridge goes on.
func (b *bridge) upgrade(ctx context.Context, migrate bool) error {
	next := &successor{program: os.Args[0], migrate: migrate}
	err := b.db.Refusal() // this process may have the last hold of files that were removed
	if err == nil && b.socket.listener == nil {
		err = errors.New("the bridge of `pymon-bridge run` ends when no test needs it, and the next one is the new program")
	}
	if err == nil {
		next.asked, err = os.Stat(next.program)
	}
	if err == nil {
		err = checkNext(ctx, next.program, migrate)
	}
	if err == nil {
		next.Lock, err = b.db.KeepLock()
	}
	if err == nil {
		err = next.keep(b.socket)
	}
	if err != nil {
		b.logger.ErrorContext(ctx, "no upgrade: the bridge goes on as it is", "error", err)
		b.answerUpgrades(ctx, monitor.UpgradeState{Error: err.Error()})
		return err
	}
	b.next = next
	return nil
}

// answerUpgrades tells the operators who asked for an upgrade. Where that fails, on a full disk for example, wait tries again.
func (b *bridge) answerUpgrades(ctx context.Context, s monitor.UpgradeState) {
	last, _, err := b.db.UpgradeAsked(ctx, 0)
	b.upgraded, b.upgrades = max(b.upgraded, last), s
	if err == nil {
		err = b.db.AnswerUpgrades(ctx, s)
	}
	if err != nil {
		b.logger.ErrorContext(ctx, "cannot say what became of an upgrade", "error", err)
	}
}

// makeWay stops what nobody waits for, and then waits for a moment at which no request takes long, for StopAfter at most. Until
// then the bridge accepts records. When ctx ends, the bridge stops for good. makeWay returns until when the bridge may close.
func (b *bridge) makeWay(ctx context.Context) (end time.Time, err error) {
	end = time.Now().Add(b.config.StopAfter)
	b.logger.InfoContext(ctx, "another program takes the place of this one", "program", b.next.program)
	now, cancel := context.WithCancel(ctx)
	cancel()
	err = b.closeParts(now, true)
	calm, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	b.server.Calm(calm)
	b.next.Paused = time.Now()
	if ctx.Err() != nil {
		return b.next.Paused.Add(b.config.StopAfter), err
	}
	b.server.HandedOver = true
	signal.Ignore(syscall.SIGHUP, syscall.SIGUSR2) // until the next program takes them
	if short := b.next.Paused.Add(httpd.ShortTime); end.Before(short) {
		end = short
	}
	return end, err
}
