package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pymon-bridge/monitor"
)

// failedDeletions are the rows of deletions after which the destination still has points. A later deletion of the same
// project replaces them, unless it asked no destination.
const failedDeletions = `(SELECT id, arguments, state, ended FROM commands c WHERE kind = 'delete' AND ended > 0
	AND json_extract(state, '$.error') <> '' AND NOT EXISTS (SELECT 1 FROM commands n WHERE n.kind = 'delete' AND n.ended > 0
	AND n.id > c.id AND json_extract(n.arguments, '$.project') = json_extract(c.arguments, '$.project')
	AND (json_extract(n.state, '$.error') <> '' OR json_array_length(n.state, '$.cleared') > 0)))`

// FailedDeletions returns the deletions after which the destination still has points, the earliest first.
func (db *DB) FailedDeletions(ctx context.Context) (failed []monitor.Deletion, err error) {
	err = db.read(ctx, func(q querier) error {
		failed = nil
		return each(ctx, q, "SELECT id, arguments, state, ended FROM "+failedDeletions+" ORDER BY id", nil, func(row scanner) error {
			var d monitor.Deletion
			var arguments, state []byte
			var ended int64
			err := row.Scan(&d.ID, &arguments, &state, &ended)
			if err = errors.Join(err, json.Unmarshal(arguments, &d), json.Unmarshal(state, &d.State)); err != nil {
				return fmt.Errorf("read command %d: %w", d.ID, err)
			}
			d.State.Ended = time.Unix(0, ended)
			failed = append(failed, d)
			return nil
		})
	})
	return failed, err
}
