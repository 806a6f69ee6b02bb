package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// keptContent is a query for kept reports.
const keptContent = "SELECT run, content FROM reports WHERE project = ? AND run IN (%s)"

// ofRuns calls scan for each row of a query about runs of a project. %s in the query stands for the ids of some runs. Values that
// stand before the project in the query come first.
func (db *DB) ofRuns(ctx context.Context, query, project string, runs []string, scan func(row scanner) error, first ...any) error {
	return db.readFrom(ctx, db.listers, func(q querier) error {
		for part := range slices.Chunk(runs, runsAtOnce) {
			args := append(slices.Clip(first), project)
			for _, run := range part {
				args = append(args, run)
			}
			if err := each(ctx, q, fmt.Sprintf(query, "?"+strings.Repeat(", ?", len(part)-1)), args, scan); err != nil {
				return err
			}
		}
		return nil
	})
}
