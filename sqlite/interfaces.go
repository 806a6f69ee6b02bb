package sqlite

import "pymon-bridge/monitor"

// All interfaces through which the rest of the program uses a DB.
var (
	_ monitor.Journal         = (*DB)(nil)
	_ monitor.ReplayQueue     = (*DB)(nil)
	_ monitor.MetadataStore   = (*DB)(nil)
	_ monitor.Store           = (*DB)(nil)
	_ monitor.ListStore       = (*DB)(nil)
	_ monitor.PageStore       = (*DB)(nil)
	_ monitor.RunStore        = (*DB)(nil)
	_ monitor.HistoryStore    = (*DB)(nil)
	_ monitor.SampleReaders   = (*DB)(nil)
	_ monitor.RollupStore     = (*DB)(nil)
	_ monitor.DriftStore      = (*DB)(nil)
	_ monitor.ReportStore     = (*DB)(nil)
	_ monitor.ReportQueue     = (*DB)(nil)
	_ monitor.AnswerStore     = (*DB)(nil)
	_ monitor.AcceptanceStore = (*DB)(nil)
	_ monitor.TokenStore      = (*DB)(nil)
	_ monitor.HealthChecker   = (*DB)(nil)
)
