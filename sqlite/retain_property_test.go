package sqlite_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

const day = 24 * time.Hour

// pastRun is a run of a random history. Few texts make runs that share them.
type pastRun struct {
	project, id, branch, machine string
	age                          time.Duration // of its last session
	sessions, tests              int
	completion                   monitor.Completion
	reason, commit               string
	outcomes                     bool
	known                        bool // the file has its sessions
	report                       bool
	owed                         string // what the destination has not got of it
	recs                         []*monitor.Record
}

func (r *pastRun) session(i int) string { return fmt.Sprint(r.id, "-", i) }

// chosen is what the run has in common with those that it is compared with, apart from the machine.
func (r *pastRun) chosen() string {
	return fmt.Sprint(r.project, r.branch, r.completion == monitor.Partial, r.reason)
}

// records are the records of the run, as an import brings them, since that keeps their instants.
func (r *pastRun) records() (recs []*monitor.Record) {
	add := func(class any) {
		rec := record(class)
		rec.Project, rec.Import = r.project, &monitor.Import{Placed: true}
		recs = append(recs, rec)
	}
	for i := range r.sessions {
		start := arrival.Add(-r.age - time.Duration(i)*time.Hour)
		if r.known {
			s := process(r.session(i), start)
			s.Run, s.Branch, s.Start.UTC = r.id, r.branch, start.UnixNano()
			s.Description = fmt.Sprintf(`{"pipeline_branch": %q, "pipeline_build_no": %q}`, r.branch, r.id)
			s.Completion, s.Reason, s.ScmRef.String = r.completion, r.reason, r.commit
			add(s)
		}
		for n := range r.tests {
			m := measured(r.session(i), fmt.Sprint("test_", n), start.Add(time.Duration(n)*time.Second))
			m.ContextH, m.Component, m.TotalTime = r.machine, fmt.Sprint("component", (n+len(r.id))%3), float64(n+len(r.branch)*i)/8
			m.ItemFSLoc = fmt.Sprintf("tests/test_%s.py", r.branch)
			if n == 2 {
				m.ItemVariant, m.Kind = "test_2[<object at 0x7f3a"+r.id[3:]+">]", "module"
			}
			m.At.UTC = start.Add(time.Duration(n)*time.Second).UnixNano() + int64(n)
			add(m)
		}
		if r.outcomes {
			o := became(r.session(i), "tests/test_"+r.branch+".py::test_fails", start)
			o.ContextH, o.Outcome, o.At.UTC = r.machine, monitor.OutcomeFailed, start.UnixNano()
			add(o)
		}
	}
	return recs
}

func anyPast(t *rapid.T) (all []*pastRun) {
	for i := range rapid.IntRange(1, 14).Draw(t, "runs") {
		r := &pastRun{
			id:         fmt.Sprintf("run%02d", i),
			project:    rapid.SampledFrom([]string{"shop", "shop", "zoo"}).Draw(t, "project"),
			branch:     rapid.SampledFrom([]string{"main", "main", "topic"}).Draw(t, "branch"),
			machine:    rapid.SampledFrom([]string{"m1", "m1", "m2"}).Draw(t, "machine"),
			age:        time.Duration(rapid.SampledFrom([]int{20, 200, 300, 400}).Draw(t, "age"))*day + time.Duration(i)*time.Minute,
			sessions:   rapid.IntRange(1, 2).Draw(t, "sessions"),
			tests:      rapid.IntRange(0, 4).Draw(t, "tests"),
			outcomes:   rapid.Bool().Draw(t, "outcomes"),
			known:      rapid.IntRange(0, 9).Draw(t, "known") > 0,
			report:     rapid.Bool().Draw(t, "report"),
			completion: rapid.SampledFrom([]monitor.Completion{"", monitor.Complete, monitor.Partial}).Draw(t, "completion"),
			commit:     rapid.SampledFrom([]string{"c1", "c2", "c3"}).Draw(t, "commit"),
			owed:       rapid.SampledFrom([]string{"", "", "", "", "parked", "aside", "dead", "report"}).Draw(t, "owed"),
		}
		if !r.known {
			r.sessions = 1
		}
		if r.completion == monitor.Partial {
			r.reason = rapid.SampledFrom([]string{"", "-k slow", "-k fast"}).Draw(t, "reason")
		}
		if r.tests == 0 && !r.outcomes && r.owed != "report" {
			r.owed = "" // only measurements wait and die here
		}
		all = append(all, r)
	}
	return all
}

// staying returns the runs that stay of a history, found in the simplest way.
func staying(runs []*pastRun, delivered, newest int, keep time.Duration) (stay []*pastRun) {
	sorted := slices.Clone(runs)
	slices.SortStableFunc(sorted, func(a, b *pastRun) int { return int(a.age/time.Minute) - int(b.age/time.Minute) })
	counted := map[string]map[string]int{} // of commits
	stays := map[*pastRun]bool{}
	youngest := map[string]time.Duration{} // by project, and by project and branch
	for _, r := range sorted {
		if !r.known {
			continue
		}
		for _, of := range []string{r.project, r.chosen()} {
			if age, ok := youngest[of]; !ok || r.age < age {
				youngest[of] = r.age
			}
		}
	}
	for _, r := range sorted {
		env := r.machine
		if r.tests == 0 {
			env = ""
		}
		group := r.chosen() + env
		rests := youngest[r.chosen()]-youngest[r.project] > monitor.BranchRests
		if counted[group] == nil {
			counted[group] = map[string]int{}
		}
		if of := counted[group]; r.known && !rests && (len(of) < newest || of[r.commit] > 0) && of[r.commit] < newest {
			of[r.commit]++
			stays[r] = true
		}
	}
	for i, r := range runs {
		empty := len(r.recs) == 0
		if !empty && (stays[r] || r.age < keep || i >= delivered || r.owed != "" && (r.owed != "report" || r.report && r.known)) {
			stay = append(stay, r)
		}
	}
	return stay
}

// pastMachines has a context of each machine for each project, and one that nobody uses.
func pastMachines() (recs []*monitor.Record) {
	for _, project := range []string{"shop", "zoo"} {
		for i, h := range []string{"m1", "m2", "nobody's"} {
			c := machine(h)
			c.CPUCount += int64(i)
			rec := placed(c)
			rec.Project, c.Env = project, h
			recs = append(recs, rec)
		}
	}
	return recs
}

// storePast stores a history, and acknowledges what is not owed of its first runs.
func storePast(t *rapid.T, db *sqlite.DB, machines []*monitor.Record, runs []*pastRun, delivered int) {
	require.NoError(t, db.Append(context.Background(), machines))
	ack := monitor.Acknowledgement{Cursor: uint64(len(machines))}
	for i, r := range runs {
		if r.recs = r.records(); len(r.recs) == 0 {
			continue
		}
		require.NoError(t, db.Append(context.Background(), r.recs))
		last := r.recs[len(r.recs)-1]
		if i >= delivered {
			continue
		}
		switch ack.Cursor = last.Seq; r.owed {
		case "parked":
			ack.Park = append(ack.Park, last.Seq)
		case "aside":
			ack.SetAside = append(ack.SetAside, last.Seq)
		case "dead":
			ack.Bury = append(ack.Bury, monitor.DeadLetter{Dest: dest, Seq: last.Seq, Class: last.Class()})
		}
	}
	require.NoError(t, db.Ack(context.Background(), dest, ack))
	reports := int64(0)
	for _, owed := range []bool{false, true} {
		for _, r := range runs {
			if r.report && r.known && (r.owed == "report") == owed {
				report := reportOn(r.id, result("test_0", monitor.StatusOK))
				report.Project, report.Branch = r.project, r.branch
				require.NoError(t, db.KeepReport(context.Background(), report))
				reports++
			}
		}
		if !owed {
			require.NoError(t, db.AckReport(context.Background(), dest, monitor.PendingReport{Version: reports}))
		}
	}
}

// answersOfPast has what reads say of a project, and of all.
func answersOfPast(t *testing.T, db *sqlite.DB, project string) map[string][]string {
	answers := answersOf(t, db, project)
	add := func(what string, of any, err error) {
		require.NoError(t, err)
		text, err := json.Marshal(of)
		require.NoError(t, err)
		answers[what] = append(answers[what], string(text))
	}
	answers["flaky"] = listed(t, db.FlakyTests(t.Context(), monitor.FlakyQuery{Project: project}, monitor.Page{}))
	if project == "" {
		projects, err := db.ProjectStatus(t.Context(), arrival)
		add("projects", projects, err)
		return answers
	}
	infos, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: project})
	add("infos", infos, err)
	for _, info := range infos {
		summary, err := db.RunSummary(t.Context(), project, info.ID)
		add("summaries", summary, err)
		kept, err := db.Report(t.Context(), project, info.ID)
		if monitor.ErrorCode(err) != monitor.ENotFound {
			add("reports", kept, err)
		}
	}
	_, tests, err := db.Find(t.Context(), project, "test", 100)
	add("tests", tests, err)
	for _, test := range tests {
		points, err := db.TestHistory(t.Context(), monitor.TestQuery{Test: test, Limit: 100})
		for i := range points {
			points[i].Env = fmt.Sprint(points[i].Env)
		}
		answers["history"] = append(answers["history"], fmt.Sprint(points))
		require.NoError(t, err)
	}
	return answers
}

// TestAfterRetentionAnswersAreThoseWithoutOldRuns draws histories. What retention leaves answers like a store that never had what went.
// What the destination lacks never goes.
func TestAfterRetentionAnswersAreThoseWithoutOldRuns(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue { // each makes two files
		require.NoError(t, checks.Value.Set("30"))
		defer func() { require.NoError(t, checks.Value.Set(checks.DefValue)) }()
	}
	rapid.Check(t, func(rt *rapid.T) {
		runs := anyPast(rt)
		delivered := rapid.IntRange(0, len(runs)).Draw(rt, "delivered")
		newest := rapid.IntRange(1, 2).Draw(rt, "newest")
		now := arrival
		db, path := newDB(t, utcZones())
		db.Now = func() time.Time { return now }
		require.NoError(rt, db.Open(t.Context()))
		defer func() { require.NoError(rt, db.Close()) }()
		storePast(rt, db, pastMachines(), runs, delivered)

		want := staying(runs, delivered, newest, 100*day)
		last, err := db.ArrivedBefore(t.Context(), arrival.Add(day))
		require.NoError(rt, err)
		var removed int64
		for range 3 { // contexts go when nobody used them for a day
			round, err := db.Retain(t.Context(), monitor.Retention{Keep: 100 * day, Dest: dest, UpTo: last, Newest: newest}, func() {})
			require.NoError(rt, err)
			removed += round.Runs
			now = now.Add(25 * time.Hour)
		}

		other, _ := newDB(t, utcZones())
		other.Now = func() time.Time { return arrival }
		require.NoError(rt, other.Open(t.Context()))
		defer func() { require.NoError(rt, other.Close()) }()
		used := map[string]bool{}
		for _, r := range want {
			used[r.machine] = used[r.machine] || r.tests > 0 || r.outcomes
		}
		machines := slices.DeleteFunc(pastMachines(), func(rec *monitor.Record) bool { return removed > 0 && !used[rec.Context.H] }) // swept after a removal
		storePast(rt, other, machines, want, len(want))
		for _, project := range []string{"shop", "zoo", ""} {
			expected, answers := answersOfPast(t, other, project), answersOfPast(t, db, project)
			for what := range expected {
				require.Equal(rt, expected[what], answers[what], "%s of project %q", what, project)
			}
			require.Len(rt, answers, len(expected))
		}
		requireConsistent(t, path)
		require.Empty(rt, verified(t, path).Findings)
	})
}
