package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pymon-bridge/sqlite"
)

// restartWithin is how long a command that waits for the bridge waits for the next one. A restart is shorter.
const restartWithin = 10 * time.Second

// howFar says how far a command is that the bridge carries out.
type howFar struct {
	began, ended   time.Time
	position, upTo uint64
}

// await waits until the bridge has carried out a command, and shows how far it is. doing is for the progress, and goesOn
// says what a bridge does without the command.
func (m *Main) await(ctx context.Context, db *sqlite.DB, doing, goesOn string, look func() (howFar, error)) error {
	p := m.newProgress(doing, "records", 0)
	defer p.end()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for served := time.Now(); ; {
		at, err := look()
		if err != nil {
			return fmt.Errorf("read how far the bridge is: %w", err)
		}
		if !at.began.IsZero() {
			p.to(int64(at.position), int64(at.upTo))
		}
		if !at.ended.IsZero() {
			return nil
		}
		switch {
		case db.ServedNow():
			served = time.Now()
		case time.Since(served) > restartWithin:
			return fmt.Errorf("the bridge has ended; the next one that serves the directory goes on %s", goesOn)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("no longer waiting; the bridge goes on " + goesOn)
		}
	}
}
