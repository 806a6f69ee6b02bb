package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"pymon-bridge/monitor"
)

// upgradeArguments is what an operator says of an upgrade.
type upgradeArguments struct {
	Migrate bool `json:"migrate"` // the file may get a newer version
}

// AskUpgrade asks the bridge that serves the file to let the new program take its place. [DB.UpgradeAnswer] says what became of
// that. With migrate the new program may bring the file to its own version.
func (db *DB) AskUpgrade(ctx context.Context, migrate bool) (id int64, err error) {
	return db.addCommand(ctx, commandUpgrade, upgradeArguments{migrate})
}

// UpgradeAnswer returns the answer to AskUpgrade, and when it was given: zero while there is none.
func (db *DB) UpgradeAnswer(ctx context.Context, id int64) (s monitor.UpgradeState, at time.Time, err error) {
	ended, err := db.commandState(ctx, id, &s)
	if ended != 0 {
		at = time.Unix(0, ended).UTC()
	}
	return s, at, err
}

// UpgradeAsked returns the last of the upgrades that operators wait for, 0 for none, and whether the file may get a newer version.
// Those up to done have been carried out, and ask for nothing.
func (db *DB) UpgradeAsked(ctx context.Context, done int64) (last int64, migrate bool, err error) {
	err = db.read(ctx, func(q querier) error {
		open, err := openCommands(ctx, q, commandUpgrade)
		for _, c := range open {
			var arguments upgradeArguments
			if err := json.Unmarshal(c.arguments, &arguments); err != nil {
				return err
			}
			last, migrate = c.id, migrate || arguments.Migrate && c.id > done
		}
		return err
	})
	return last, migrate, err
}

// AnswerUpgrades answers all who wait for an upgrade.
func (db *DB) AnswerUpgrades(ctx context.Context, s monitor.UpgradeState) error {
	return db.answerAll(ctx, commandUpgrade, func() any { return s })
}
