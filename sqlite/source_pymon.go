package sqlite

import (
	"cmp"
	"context"
	"crypto/md5" // #nosec G501 -- pytest-monitor takes it for its hashes
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// pymonRows reads the tables of pytest-monitor.
type pymonRows struct {
	old      bool // rows of version 1.0 have the date and the commit of their session, and no session
	sessions bool // the file has sessions
}

// read reads contexts, then sessions, then metrics. Which sessions are one run depends on what they had measured when the
// next one began. So where this matters, a session's first metric comes before the sessions that began after its end.
func (p pymonRows) read(ctx context.Context, s *Source, out *batcher) error {
	if err := p.contexts(ctx, s, out); err != nil {
		return err
	}
	events, err := p.begin(ctx, s, out)
	if err != nil {
		return err
	}
	early := map[int64]bool{}
	for _, e := range events {
		if e.rowid != 0 {
			early[e.rowid] = true
			err = p.metrics(ctx, s, "WHERE rowid = ?", []any{e.rowid}, nil, out)
		} else {
			err = out.add(e.session, nil)
		}
		if err != nil {
			return err
		}
	}
	return p.metrics(ctx, s, "ORDER BY rowid", nil, early, out)
}

func (p pymonRows) contexts(ctx context.Context, s *Source, out *batcher) error {
	now := time.Now()
	return s.each(ctx, "SELECT "+plain(contextHeads)+" FROM EXECUTION_CONTEXTS ORDER BY rowid", nil, func(v cells) error {
		c := &monitor.Context{H: v.text(0, "h"), CPUCount: v.integer(1, "cpu_count"), CPUFrequency: v.number(2, "cpu_frequency"),
			CPUType: v.nullable(3, "cpu_type").String, CPUVendor: v.nullable(4, "cpu_vendor"), RAMTotal: v.integer(5, "ram_total"),
			MachineNode: v.nullable(6, "machine_node").String, MachineType: v.nullable(7, "machine_type").String,
			MachineArch: v.nullable(8, "machine_arch").String, SystemInfo: v.nullable(9, "system_info").String,
			PythonInfo: v.nullable(10, "python_info").String}
		return out.add(&monitor.Record{Received: now, Context: c, Import: &monitor.Import{}}, v.err())
	})
}

// event is a session that begins, or the end of its first metric.
type event struct {
	at      int64 // microseconds on the clock of the client
	rowid   int64 // of the metric
	session *monitor.Record
}

// begin reads the sessions, and the first metrics of those whose run depends on it.
func (p pymonRows) begin(ctx context.Context, s *Source, out *batcher) (events []event, err error) {
	add := func(v cells, session *monitor.Session) error {
		session.Tags = wire.ParseDescription(session.Description)
		e := event{session: &monitor.Record{Received: time.Now(), Session: session, Import: &monitor.Import{}}}
		start, err := monitor.ParseTime(session.RunDate)
		e.at = start.Micros
		if v.err() != nil || err != nil {
			return out.add(e.session, v.err()) // says why it is skipped
		}
		events = append(events, e)
		return nil
	}
	if p.sessions {
		err = s.each(ctx, "SELECT "+plain(sessionHeads)+" FROM TEST_SESSIONS ORDER BY rowid", nil, func(v cells) error {
			return add(v, &monitor.Session{SessionH: v.text(0, "session_h"), RunDate: v.text(1, "run_date"),
				ScmRef: v.nullable(2, "scm_ref"), Description: v.description(3)})
		})
	}
	if err == nil && p.old {
		err = s.each(ctx, "SELECT DISTINCT "+plain(oldRowColumns[:2])+" FROM TEST_METRICS", nil, func(v cells) error {
			session := &monitor.Session{RunDate: v.text(0, "run_date"), ScmRef: v.nullable(1, "scm_ref")}
			session.SessionH = oldSession(session.RunDate, session.ScmRef.String)
			return add(v, session)
		})
	}
	if err != nil {
		return nil, err
	}
	inOrder := func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rowid, b.rowid)) }
	slices.SortStableFunc(events, inOrder)
	first, err := p.firstEnds(ctx, s, mayLead(events))
	events = append(events, first...)
	slices.SortStableFunc(events, inOrder)
	return events, err
}

// oldSession is the hash that later versions of pytest-monitor would have given to a session of version 1.0.
func oldSession(date, scm string) string {
	sum := md5.Sum([]byte(scm + date)) // #nosec G401 -- protects nothing
	return hex.EncodeToString(sum[:])
}

// mayLead returns the hashes of the sessions, in order, that another one may join. Both are alike then.
func mayLead(events []event) map[string]bool {
	leaders := map[string]bool{}
	for i, e := range events {
		s := e.session.Session
		if s.Tag(monitor.TagRun) != "" {
			continue
		}
		for _, later := range events[i+1:] {
			t := later.session.Session
			if later.at-e.at > monitor.RunWindow.Microseconds() {
				break
			}
			if t.ScmRef == s.ScmRef && t.Description == s.Description {
				leaders[s.SessionH] = true
				break
			}
		}
	}
	return leaders
}

// firstEnds finds the metric of each session that ended first.
func (p pymonRows) firstEnds(ctx context.Context, s *Source, of map[string]bool) (events []event, err error) {
	if len(of) == 0 {
		return nil, nil
	}
	first := map[string]event{}
	columns := append(slices.Clone(p.columns()[:1]), "ITEM_START_TIME", "TOTAL_TIME")
	if p.old {
		columns = append(slices.Clone(oldRowColumns[:2]), "ITEM_START_TIME", "TOTAL_TIME")
	}
	err = s.each(ctx, "SELECT rowid, "+plain(columns)+" FROM TEST_METRICS", nil, func(v cells) error {
		session, n := v.text(1, ""), len(v.values)
		if p.old {
			session = oldSession(session, v.nullable(2, "").String)
		}
		start, err := monitor.ParseTime(v.text(n-2, ""))
		if !of[session] || err != nil || v.err() != nil {
			return nil
		}
		e := event{at: start.At(0).Plus(v.number(n-1, "")).Micros(), rowid: v.integer(0, "")}
		if was, ok := first[session]; !ok || e.at < was.at {
			first[session] = e
		}
		return nil
	})
	for _, e := range first {
		events = append(events, e)
	}
	return events, err
}

func (p pymonRows) columns() []string {
	if p.old {
		return slices.Concat(oldRowColumns, numberColumns)
	}
	return slices.Concat(newRowColumns, numberColumns)
}

// metrics reads rows, without those that were read before.
func (p pymonRows) metrics(ctx context.Context, s *Source, which string, args []any, before map[int64]bool, out *batcher) error {
	now, imported := time.Now(), &monitor.Import{}
	return s.each(ctx, "SELECT rowid, "+plain(p.columns())+" FROM TEST_METRICS "+which, args, func(v cells) error {
		if before[v.integer(0, "")] {
			return nil
		}
		m := new(monitor.Metric)
		if p.old {
			m.SessionH, m.ContextH = oldSession(v.text(1, "run_date"), v.nullable(2, "scm_ref").String), v.text(3, "context_h")
			m.ItemStartTime, m.Kind, m.Component = v.text(4, "item_start_time"), v.text(6, "kind"), v.nullable(7, "component").String
			m.ItemPath, m.Item, m.ItemVariant = oldItem(v.text(5, "item"), m.Kind)
		} else {
			for i, text := range m.Texts() {
				*text = v.nullable(1+i, monitor.MetricTexts[i]).String
				if v.values[1+i] == nil && text != &m.Component {
					*text = v.text(1+i, monitor.MetricTexts[i]) // says that it is missing
				}
			}
		}
		at := len(v.values) - int(monitor.Measurements)
		for i, value := range m.Values() {
			*value = v.number(at+i, monitor.Measurement(i).String())
		}
		return out.add(&monitor.Record{Received: now, Metric: m, Import: imported}, v.err())
	})
}

// oldItem splits the item of a row of version 1.0, such as "tests.test_shop/test_pay[a]", into what later versions have. They
// write no hyphens in the names of tests.
func oldItem(item, kind string) (path, name, variant string) {
	if kind != monitor.KindFunction {
		i := strings.LastIndexByte(item, '.')
		return item[:max(i, 0)], item[i+1:], ""
	}
	path, test, found := strings.Cut(item, "/")
	if !found {
		path, test = "", item
	}
	name, _, _ = strings.Cut(test, "[")
	return path, name, strings.ReplaceAll(test, "-", ", ")
}
