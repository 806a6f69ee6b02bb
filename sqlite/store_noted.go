package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// machineKey is what metrics share that have one class of machine, unless they were delivered with another one.
type machineKey struct{ session, context int64 }

// fillNoted adds to runs the classes of machine that their metrics were delivered with where these do not follow from what
// is stored now, as samples have them. It returns how many metrics there are of these.
func fillNoted(ctx context.Context, q querier, runs []*monitor.Run, left *budget) (map[machineKey]int64, error) {
	noted := make(map[machineKey]int64)
	any, err := countOf(ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM noted)"))
	if err != nil || any == 0 {
		return noted, err
	}
	query := chosen(len(runs), named(runs))
	query.add("SELECT chosen.i, n.session, n.context, n.env, n.metrics" + chosenSessions +
		" CROSS JOIN noted n ON n.session = s.hash")
	return noted, each(ctx, q, query.sql, query.args, func(row scanner) error {
		var i int
		var key machineKey
		var env string
		var metrics int64
		if err := row.Scan(&i, &key.session, &key.context, &env, &metrics); err != nil {
			return err
		}
		noted[key] += metrics
		return addEnvironment(runs[i], env, left)
	})
}
