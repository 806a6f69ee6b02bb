package sqlite

import (
	"context"
	"encoding/json"

	"pymon-bridge/monitor"
)

// The kinds of commands.
const (
	commandReplay  = "replay"
	commandDelete  = "delete"
	commandStatus  = "status"
	commandUpgrade = "upgrade"
)

// keptCommands is how many commands stay in the file.
const keptCommands = 100

// addCommand stores what an operator asks for. It fails with EUnavailable when the bridge found the file damaged, since nobody must
// write into it.
func (db *DB) addCommand(ctx context.Context, kind string, arguments any) (id int64, err error) {
	text, err := json.Marshal(arguments)
	if err != nil {
		return 0, err
	}
	err = db.write(ctx, func(w *writer) error {
		if err := db.acceptsCommands(); err != nil {
			return err
		}
		id, err = w.insert("INSERT INTO commands (kind, arguments, asked) VALUES (?, ?, ?)", kind, string(text), nanoseconds(db.Now()))
		if err == nil {
			_, err = w.exec("DELETE FROM commands WHERE ended > 0 AND id <= ?", id-keptCommands)
		}
		return err
	})
	return id, err
}

// acceptsCommands fails when the bridge that serves the file cannot carry a command out.
func (db *DB) acceptsCommands() error {
	if damage := db.Damage(); damage != "" {
		return unavailable("nothing was done, since the bridge that serves the file accepts nothing: %s", damage)
	}
	return nil
}

// command is a row of the table. arguments and state are JSON.
type command struct {
	id               int64
	arguments, state []byte
}

// openCommands returns the commands of a kind that have not ended, the earliest first.
func openCommands(ctx context.Context, q querier, kind string) (open []command, err error) {
	err = each(ctx, q, "SELECT id, arguments, state FROM commands WHERE kind = ? AND ended = 0 ORDER BY id", []any{kind},
		func(row scanner) error {
			var c command
			err := row.Scan(&c.id, &c.arguments, &c.state)
			open = append(open, c)
			return err
		})
	return open, err
}

// answerAll ends all open commands of a kind with what state returns.
func (db *DB) answerAll(ctx context.Context, kind string, state func() any) error {
	var open []command
	err := db.read(ctx, func(q querier) (err error) {
		open, err = openCommands(ctx, q, kind)
		return err
	})
	if err != nil || len(open) == 0 {
		return err
	}
	s := state()
	return db.write(ctx, func(w *writer) error {
		for _, c := range open {
			if err := w.storeState(c.id, s, nanoseconds(db.Now())); err != nil {
				return err
			}
		}
		return nil
	})
}

// storeState stores how far a command is.
func (w *writer) storeState(id int64, state any, ended int64) error {
	text, err := json.Marshal(state)
	if err == nil {
		_, err = w.exec("UPDATE commands SET state = ?, ended = ? WHERE id = ?", string(text), ended, id)
	}
	return err
}

// commandState reads how far a command is. It fails with ENotFound when there is no such command.
func (db *DB) commandState(ctx context.Context, id int64, into any) (ended int64, err error) {
	var state []byte
	found, err := db.row(ctx, "SELECT state, ended FROM commands WHERE id = ?", []any{id}, &state, &ended)
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, monitor.Errorf(monitor.ENotFound, "there is no command %d", id)
	}
	return ended, json.Unmarshal(state, into)
}
