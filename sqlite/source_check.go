package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// identify finds out whose file it is, and the version of a bridge's file. It finds the tables and columns that will be read.
func (s *Source) identify(ctx context.Context) (version int, err error) {
	var application, known int
	known = len(schemas())
	err = s.pool.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version)`).Scan(&application, &version)
	switch {
	case err != nil:
		return 0, s.unreadable(err)
	case application == applicationID && (version < 1 || version > known):
		return 0, fmt.Errorf("%s was written by a newer pymon-bridge: it has version %d, expected at most %d", s.Path, version, known)
	case application == applicationID:
		s.Bridge, s.rows = true, bridgeRows{}
		return version, nil
	}
	tables := map[string][]string{} // columns by table, all in capitals
	odd := ""
	err = each(ctx, s.pool, pymonColumns, nil, func(row scanner) error {
		var table, column, kind string
		var withoutRowid, computed bool
		err := row.Scan(&table, &column, &kind, &withoutRowid, &computed)
		tables[table] = append(tables[table], column)
		switch {
		case kind != "table":
			odd = table + " is a " + kind
		case withoutRowid:
			odd = table + " is a table without row ids"
		case computed: // by an expression of whoever made the file, which may take any time and memory
			odd = table + "." + column + " is computed"
		case column == "ROWID": // hides the row ids, which the rows are read by
			odd = table + " has a column ROWID"
		}
		return err
	})
	switch {
	case err != nil:
		return 0, s.unreadable(err)
	case odd != "":
		return 0, fmt.Errorf("%s: %s: expected a table as pytest-monitor makes it", s.Path, odd)
	}
	s.rows, err = s.pymonTables(tables)
	return 0, err
}

// pymonColumns lists the columns of the tables of pytest-monitor in capitals, with what each table is.
const pymonColumns = `SELECT upper(t.name), upper(c.name), l.type, l.wr, c.hidden > 0
	FROM sqlite_schema t JOIN pragma_table_list(t.name) l JOIN pragma_table_xinfo(t.name) c
	WHERE t.type IN ('table', 'view') AND l.schema = 'main' AND upper(t.name) IN ('TEST_METRICS', 'TEST_SESSIONS', 'EXECUTION_CONTEXTS')`

// The columns that are read of each table of pytest-monitor, in the order in which they are read. The first ones of rows are
// those of version 1.0, which has no sessions.
var (
	oldRowColumns  = []string{"RUN_DATE", "SCM_ID", "ENV_H", "ITEM_START_TIME", "ITEM", "KIND", "COMPONENT"}
	newRowColumns  = []string{"SESSION_H", "ENV_H", "ITEM_START_TIME", "ITEM_PATH", "ITEM", "ITEM_VARIANT", "ITEM_FS_LOC", "KIND", "COMPONENT"}
	numberColumns  = []string{"TOTAL_TIME", "USER_TIME", "KERNEL_TIME", "CPU_USAGE", "MEM_USAGE"}
	sessionHeads   = []string{"SESSION_H", "RUN_DATE", "SCM_ID", "RUN_DESCRIPTION"}
	contextHeads   = []string{"ENV_H", "CPU_COUNT", "CPU_FREQUENCY_MHZ", "CPU_TYPE", "CPU_VENDOR", "RAM_TOTAL_MB", "MACHINE_NODE", "MACHINE_TYPE", "MACHINE_ARCH", "SYSTEM_INFO", "PYTHON_INFO"}
	pymonTableList = []string{"TEST_METRICS", "TEST_SESSIONS", "EXECUTION_CONTEXTS"}
)

// pymonTables returns how the tables of pytest-monitor are read. Columns that a later version may add do not matter.
func (s *Source) pymonTables(tables map[string][]string) (pymonRows, error) {
	rows := pymonRows{old: slices.Contains(tables["TEST_METRICS"], "RUN_DATE") && !slices.Contains(tables["TEST_METRICS"], "SESSION_H"),
		sessions: tables["TEST_SESSIONS"] != nil}
	if !slices.ContainsFunc(pymonTableList, func(name string) bool { return tables[name] != nil }) {
		return rows, fmt.Errorf("%s is the SQLite file of another program: expected a .pymon file or a bridge's file", s.Path)
	}
	want := map[string][]string{"TEST_METRICS": slices.Concat(newRowColumns, numberColumns), "TEST_SESSIONS": sessionHeads,
		"EXECUTION_CONTEXTS": contextHeads}
	if rows.old {
		want["TEST_METRICS"] = slices.Concat(oldRowColumns, numberColumns)
	}
	for _, name := range pymonTableList {
		switch {
		case tables[name] == nil && rows.old && name == "TEST_SESSIONS":
			continue
		case tables[name] == nil:
			return rows, fmt.Errorf("%s has no table %s: expected the tables of a .pymon file", s.Path, name)
		}
		for _, column := range want[name] {
			if !slices.Contains(tables[name], column) {
				return rows, fmt.Errorf("%s has no column %s.%s: expected the columns of a .pymon file", s.Path, name, column)
			}
		}
	}
	return rows, nil
}

// check reads the whole file. What it cannot see is a value that is wrong and could be right.
func (s *Source) check(ctx context.Context) error {
	findings, err := columnOf[string](ctx, s.pool, "PRAGMA quick_check(3)")
	if slices.Equal(findings, []string{"ok"}) {
		findings = nil
		if s.Bridge {
			findings, err = columnOf[string](ctx, s.pool, bridgeFindings)
		}
	}
	if err != nil {
		return s.unreadable(err)
	}
	if len(findings) > 0 {
		return fmt.Errorf("%s is damaged: %s. Nothing was imported", s.Path, strings.ReplaceAll(strings.Join(findings, "; "), "\n", " "))
	}
	count := "SELECT count(*) FROM TEST_METRICS"
	if s.Bridge {
		count = "SELECT coalesce(max(last), 0) FROM sequence"
		s.Projects, err = columnOf[string](ctx, s.pool, "SELECT project FROM sessions UNION SELECT project FROM series UNION SELECT project FROM hashes")
		if err != nil {
			return s.unreadable(err)
		}
	}
	if err := s.pool.QueryRowContext(ctx, count).Scan(&s.Records); err != nil {
		return s.unreadable(err)
	}
	return nil
}

// bridgeFindings finds rows that no bridge writes.
const bridgeFindings = `SELECT "table" || ' has a row without its ' || parent FROM pragma_foreign_key_check LIMIT 3`

// unreadable is the error for a file that SQLite cannot read.
func (s *Source) unreadable(err error) error {
	if meansDamage(err) {
		return fmt.Errorf("%s is damaged: %w. Nothing was imported", s.Path, err)
	}
	return fmt.Errorf("read %s: %w", s.Path, err)
}
