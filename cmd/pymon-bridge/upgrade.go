package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
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

// upgrader lets another program take the place of a serving bridge. Its methods stand in the order in which they are called: first those
// that end the upgrade to this program, then those for the upgrade to the next one.
type upgrader struct {
	logger *slog.Logger
	socket socket // none in the bridge of `run`, which nothing replaces
	db     *sqlite.DB

	signals  chan os.Signal       // each asks for an upgrade
	orders   chan struct{}        // each says that the file may have a command to upgrade
	answered int64                // commands up to this one need no upgrade any more
	answer   monitor.UpgradeState // what became of them

	next *successor // nil unless another program takes the place of this one
}

// Open listens to SIGUSR2. It takes what the bridge serves on, before the bridge opens.
func (u *upgrader) Open(s socket) {
	u.socket = s
	if path, err := programPath(); err == nil {
		os.Args[0] = path // before the name leads elsewhere
	}
	signal.Notify(u.signals, syscall.SIGUSR2)
}

// goBack is called when this program cannot serve. The program before takes its place again. Where none is, goBack closes the socket and
// returns why.
func (u *upgrader) goBack(why error) error {
	if from := u.socket.from; from != nil && from.Program != 0 {
		before := &successor{program: procFile + strconv.Itoa(from.Program), inheritance: inheritance{Failed: why.Error(), Paused: from.Paused, Lock: from.Lock}}
		if before.keep(u.socket) == nil { // else the operator reads why this program cannot serve
			u.next = before
			return nil
		}
	}
	return errors.Join(why, u.socket.listener.Close())
}

// serving is called when this program serves. From then on the program before cannot come back, and operators get their answer.
func (u *upgrader) serving(ctx context.Context) {
	state := monitor.UpgradeState{Version: version}
	if from := u.socket.from; from != nil {
		from.close()
		state.Error, state.Before, state.Waited = from.Failed, from.Version, time.Since(from.Paused)
		u.logger.Info("this program has taken the place of another", "version", version, "before", state.Before,
			"clients_waited_at_most", state.Waited.Round(time.Millisecond))
		if state.Error != "" {
			u.logger.Error("no upgrade: the program before is back, because the new one cannot serve", "error", state.Error)
		}
	}
	u.answerAll(context.WithoutCancel(ctx), state) // also while a signal stops the bridge
}

// look puts a word into orders when operators wait for an upgrade.
func (u *upgrader) look(ctx context.Context) error {
	last, _, err := u.db.UpgradeAsked(ctx, 0)
	if err == nil && last > 0 && len(u.orders) == 0 {
		u.orders <- struct{}{}
	}
	return err
}

// obey prepares the upgrade that operators wait for.
func (u *upgrader) obey(ctx context.Context) {
	last, migrate, err := u.db.UpgradeAsked(ctx, u.answered)
	switch {
	case err != nil || last == 0: // the next look finds it
	case last <= u.answered:
		_ = u.db.AnswerUpgrades(ctx, u.answer) // the log has an earlier error
	default:
		u.prepare(ctx, migrate)
	}
}

// prepare makes the program in the file that this one was started from the next one. When that cannot serve, the bridge goes on.
func (u *upgrader) prepare(ctx context.Context, migrate bool) {
	next := &successor{program: os.Args[0], migrate: migrate}
	err := u.db.Refusal() // this process may have the last hold of files that were removed
	if err == nil && u.socket.listener == nil {
		err = errors.New("the bridge of `pymon-bridge run` ends when no test needs it, and the next one is the new program")
	}
	if err == nil {
		err = next.ask(ctx)
	}
	if err == nil {
		next.Lock, err = u.db.KeepLock()
	}
	if err == nil {
		err = next.keep(u.socket)
	}
	if err == nil {
		u.next = next
		return
	}
	u.logger.ErrorContext(ctx, "no upgrade: the bridge goes on as it is", "error", err)
	u.answerAll(ctx, monitor.UpgradeState{Error: err.Error()})
}

// answerAll tells the operators who asked for an upgrade. Where that fails, on a full disk for example, obey tries again.
func (u *upgrader) answerAll(ctx context.Context, s monitor.UpgradeState) {
	last, _, err := u.db.UpgradeAsked(ctx, 0)
	u.answered, u.answer = max(u.answered, last), s
	if err == nil {
		err = u.db.AnswerUpgrades(ctx, s)
	}
	if err != nil {
		u.logger.ErrorContext(ctx, "cannot say what became of an upgrade", "error", err)
	}
}

// makeWay stops what nobody waits for, and then waits for a moment at which no request takes long, for StopAfter at most. Until
// then the bridge accepts records. When ctx ends, the bridge stops for good. makeWay returns until when the bridge may close.
func (b *bridge) makeWay(ctx context.Context, atMost time.Time) (end time.Time, err error) {
	next := b.upgrader.next
	b.logger.InfoContext(ctx, "another program takes the place of this one", "program", next.program)
	now, cancel := context.WithCancel(ctx)
	cancel()
	err = b.closeParts(now, true)
	calm, cancel := context.WithDeadline(ctx, atMost)
	defer cancel()
	b.server.Calm(calm)
	next.Paused = time.Now()
	if ctx.Err() != nil {
		return next.Paused.Add(b.config.StopAfter), err
	}
	b.server.HandedOver = true
	signal.Ignore(syscall.SIGHUP, syscall.SIGUSR2) // until the next program takes them
	if short := next.Paused.Add(httpd.ShortTime); atMost.Before(short) {
		return short, err
	}
	return atMost, err
}

// Close is called when the bridge has closed, with its error. It runs the next program, and then returns only after an error.
func (u *upgrader) Close(ctx context.Context, err error) error {
	if u.next == nil {
		return err
	}
	if err != nil {
		u.logger.ErrorContext(ctx, "the bridge did not end well; the other program takes its place all the same", "error", err)
	}
	return u.next.replace(ctx)
}
