package sqlite

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// textless finds the records without a row in the table texts whose row may be lost. Such a record would seem to have the
// texts of its series, and a start in the usual form.
type textless struct {
	ranges [][2]int64       // of the sequence, in order: no row of texts is lost there
	usual  map[clients]bool // the text of a start follows from the instant
}

// clients are the records whose starts a client writes in one way: those of a session that start on a whole second, or the others.
type clients struct {
	session int64
	whole   bool
}

// dropDoubtful removes records whose texts as sent may be lost, when rows of the table texts are. The instant of a metric has
// digits of a hash of its texts. An outcome has none: it stays if metrics of its session show that the client writes times
// in the usual way, and none shows another.
func (r *recovery) dropDoubtful(ctx context.Context) error {
	if !r.found.hurt["texts"] && r.damaged["texts"] == 0 {
		return nil
	}
	last, err := r.lastRecord(ctx)
	if err != nil {
		return err
	}
	t := textless{r.wholeTexts(), make(map[clients]bool)}
	err = each(ctx, r.w.conn, `SELECT o.session, o.utc_ns FROM outcomes o JOIN texts t ON t.seq = o.seq AND t.item_start_time NOT NULL
		UNION SELECT m.session, m.utc_ns FROM metrics m JOIN texts t ON t.seq = m.seq AND t.item_start_time NOT NULL
		UNION SELECT hash, n FROM sessions, (SELECT 0 AS n UNION SELECT 1000) WHERE unsteady -- a whole second, and another`, nil, func(row scanner) error {
		var session int64
		var at monitor.Instant
		err := row.Scan(&session, &at.UTC)
		t.usual[clientsOf(session, at)] = false
		return err
	})
	for _, outcomes := range []bool{false, true} {
		for from := uint64(0); from <= last && err == nil; from += censusPart {
			err = r.dropTextless(ctx, selection{outcomes: outcomes, where: "seq BETWEEN ? AND ?",
				args: []any{from, from + censusPart - 1}, limit: -1}, t)
		}
	}
	return err
}

func clientsOf(session int64, at monitor.Instant) clients {
	return clients{session, at.Micros()%1e6 == 0}
}

// wholeTexts returns the ranges of the sequence of which all rows of texts were found. Rows are added in the order of the
// sequence. So between the rows of a whole page there are no others, even if the page is an old one.
func (r *recovery) wholeTexts() (ranges [][2]int64) {
	for _, f := range r.found.found["texts"] {
		rows, _, all := r.src.file.Rows(r.src.file.Read(f.number))
		ranks := rankRows(rows, f, true)
		for i, row := range rows {
			all = all && ranks[i] != rankNone && r.found.shapes["texts"].fits(row.Values)
		}
		if all && len(rows) > 0 {
			ranges = append(ranges, [2]int64{rows[0].Rowid, rows[len(rows)-1].Rowid})
		}
	}
	slices.SortFunc(ranges, func(a, b [2]int64) int { return slices.Compare(a[:], b[:]) })
	return ranges
}

// complete says that the row of a record is not lost.
func (t *textless) complete(seq int64) bool {
	i, found := slices.BinarySearchFunc(t.ranges, seq, func(r [2]int64, seq int64) int { return cmp.Compare(r[0], seq) })
	return found || i > 0 && seq <= t.ranges[i-1][1]
}

// dropTextless removes the doubtful ones among some metrics or outcomes.
func (r *recovery) dropTextless(ctx context.Context, s selection, t textless) error {
	rows, err := wholeRows(ctx, r.w.conn, s)
	if err != nil {
		return err
	}
	texts, err := readTexts(ctx, r.w.conn, s)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if texts[row.rec.Seq] != nil {
			continue
		}
		m, table, complete := row.rec.Measured(), "outcomes", t.complete(int64(row.rec.Seq))
		of := clientsOf(row.session, m.At)
		fits := complete || t.usual[of] && !namesObject(m)
		if row.rec.Metric != nil {
			table = "metrics"
			fits = complete || m.At.UTC%1000 == monitor.HashMod(monitor.RecordHash(row.rec.Project, m), 1000)
			if was, known := t.usual[of]; fits && (was || !known) {
				t.usual[of] = true
			} else if !namesObject(m) {
				t.usual[of] = false
			}
		}
		if !fits {
			if err := r.drop(table, "seq = ?", row.rec.Seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// namesObject says that a text of a series stands for texts with the address of an object.
func namesObject(m *monitor.Metric) bool {
	return slices.ContainsFunc([]string{m.Component, m.ItemPath, m.Item, m.ItemVariant, m.Kind}, func(text string) bool {
		return strings.Contains(text, monitor.StableText(" at 0x1>"))
	})
}
