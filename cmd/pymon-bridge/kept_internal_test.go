package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/regress"
	"pymon-bridge/report"
	"pymon-bridge/sqlite"
)

// countedAnswers counts the kept reports that were found, and the results in them by status.
type countedAnswers struct {
	monitor.AnswerStore
	found, gone, commits int
	statuses             map[monitor.Status]int
}

func (c *countedAnswers) Answer(ctx context.Context, project, run, basis string) (*monitor.Report, error) {
	r, err := c.AnswerStore.Answer(ctx, project, run, basis)
	if r == nil {
		c.gone++
		return nil, err
	}
	c.found++
	for i := range r.Results {
		c.statuses[r.Results[i].Status]++
	}
	return r, err
}

// keptWorld is a project whose runs are judged when they end, as a serving bridge does it.
type keptWorld struct {
	*rapid.T
	db         *sqlite.DB
	detector   *regress.Detector
	judge      *judge.Judge // answers with kept reports
	worker     *judge.Worker
	kept       chan struct{}
	answers    *countedAnswers
	project    string
	start      time.Time
	runs       []keptRun
	metrics    map[uint64]string // contexts by number
	known      map[string]bool   // contexts
	nMetrics   int
	lastFactor float64
}

const isoformat = "2006-01-02T15:04:05.000000"

type keptRun struct{ id, session, commit, context string }

// TestKeptReportsAreWhatJudgingSays asks about random histories. A judge that knows kept reports answers byte by byte what one says
// that judges each time, in every format, whatever arrived in between.
func TestKeptReportsAreWhatJudgingSays(t *testing.T) {
	db := sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	require.NoError(t, db.Open(t.Context()))
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	settings := regress.Defaults()
	settings.MinRuns, settings.BaselineRuns, settings.HoldRuns = 3, 5, 6
	detector, err := regress.New(settings)
	require.NoError(t, err)
	answers, histories := &countedAnswers{AnswerStore: db, statuses: map[monitor.Status]int{}}, 0
	j := judge.New(db, detector, settings.EarlierRuns(), settings.WindowRuns)
	j.Answers, j.Rules = answers, func() string { return "rules" }
	worker, kept := judge.NewWorker(j, db, slog.New(slog.DiscardHandler)), make(chan struct{}, 1)
	worker.OnKept = func(*monitor.Report, time.Duration) { kept <- struct{}{} }
	require.NoError(t, worker.Open())
	t.Cleanup(func() { assert.NoError(t, worker.Close()) })
	rapid.Check(t, func(t *rapid.T) {
		histories++
		w := &keptWorld{T: t, db: db, detector: detector, judge: j, worker: worker, kept: kept, answers: answers, lastFactor: 1,
			metrics: map[uint64]string{}, known: map[string]bool{}, project: fmt.Sprint("p", histories),
			start: time.Now().UTC().Truncate(time.Second).Add(-time.Hour)}
		var begin []*monitor.Record
		for n := range 8 {
			if n == 6 { // two runs confirm such a change
				w.lastFactor = 4
			}
			begin = append(begin, w.run("main", 0, 3, monitor.Complete)...)
		}
		w.add(begin...)
		for n := 5; n < 8; n++ {
			w.judged(n)
		}
		w.ask(monitor.JudgeQuery{Project: w.project, Run: w.runs[7].id})
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			w.step()
		}
	})
	if t.Failed() {
		return
	}
	assert.Positive(t, answers.found)
	assert.Positive(t, answers.gone)
	assert.Positive(t, answers.commits, "questions about a commit that has one run")
	for _, status := range []monitor.Status{monitor.StatusRegression, monitor.StatusSuspect, monitor.StatusNotJudged} {
		assert.Positive(t, answers.statuses[status], status)
	}
}

// step lets something arrive, has the worker judge a run, mostly the one that changed, and asks some questions.
func (w *keptWorld) step() {
	changed, asked := len(w.runs), len(w.runs)-3
	if rapid.IntRange(0, 9).Draw(w.T, "what") < 5 {
		w.newRun()
	} else {
		changed = rapid.IntRange(2, len(w.runs)-1).Draw(w.T, "changed")
		asked = changed
		run := w.runs[changed]
		switch rapid.IntRange(0, 3).Draw(w.T, "late") {
		case 0:
			for test := range rapid.IntRange(1, 4).Draw(w.T, "tests") {
				w.add(&monitor.Record{Metric: w.metric(run, test)})
			}
		case 1:
			w.add(&monitor.Record{Context: box(run.context)})
		case 2:
			w.add(&monitor.Record{Outcome: w.failed(run)})
		case 3: // the contexts that are missing are found elsewhere
			pins := map[uint64]monitor.Origin{}
			for seq, of := range w.metrics {
				if !w.known[of] {
					pins[seq] = monitor.Origin{Env: "elsewhere"}
				}
			}
			require.NoError(w, w.db.PinOrigins(context.Background(), pins))
		}
	}
	if judged := rapid.IntRange(-3, 1).Draw(w.T, "judged"); judged <= 0 {
		w.judged(max(0, changed+judged))
	}
	run := w.runs[rapid.IntRange(asked, len(w.runs)-1).Draw(w.T, "asked")]
	main, topic := "main", "topic"
	found := w.answers.found
	q := rapid.SampledFrom([]monitor.JudgeQuery{{Run: run.id}, {ScmRef: run.commit}, {ScmRef: run.commit}, {},
		{Run: run.id, Branch: &main}, {ScmRef: run.commit, Head: &topic}, {ScmRef: run.commit, Run: run.id}}).Draw(w.T, "question")
	q.Project = w.project
	w.ask(q)
	if q.Run == "" && q.ScmRef != "" {
		w.answers.commits += w.answers.found - found
	}
}

// judged has the worker judge a run.
func (w *keptWorld) judged(run int) {
	w.worker.Ended(w.project, w.runs[run].id)
	<-w.kept
}

// ask compares the answers of two judges.
func (w *keptWorld) ask(q monitor.JudgeQuery) {
	fresh := judge.New(w.db, w.detector, w.judge.Runs, w.judge.Window)
	want, wantErr := fresh.Judge(context.Background(), q)
	got, err := w.judge.Judge(context.Background(), q)
	require.Equal(w, fmt.Sprint(wantErr), fmt.Sprint(err))
	if err != nil {
		return
	}
	for _, format := range []report.Format{report.JSON, rapid.SampledFrom(report.Formats()).Draw(w.T, "format")} {
		printer, err := report.PrinterOf(url.Values{"format": {string(format)}, "fail_on": {"suspect"}}, "http://bridge.example")
		require.NoError(w, err)
		var a, b bytes.Buffer
		require.NoError(w, printer.Print(&a, want))
		require.NoError(w, printer.Print(&b, got))
		require.Equal(w, a.String(), b.String(), "%+v", q)
		require.Equal(w, printer.Gate(want), printer.Gate(got))
	}
}

// newRun adds a run that may be anything.
func (w *keptWorld) newRun() {
	if rapid.IntRange(0, 2).Draw(w.T, "stays") == 0 {
		w.lastFactor = rapid.SampledFrom([]float64{1, 4, 4}).Draw(w.T, "factor")
	}
	completion := rapid.SampledFrom([]monitor.Completion{monitor.Complete, monitor.Complete, monitor.Complete, monitor.Partial}).Draw(w.T, "completion")
	w.add(w.run(rapid.SampledFrom([]string{"main", "main", "main", "topic"}).Draw(w.T, "branch"),
		rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(w.T, "context"), rapid.SampledFrom([]int{3, 3, 3, 4, 1, 0}).Draw(w.T, "tests"), completion)...)
}

// run returns the records of a run of the last commit or of a new one. Context 2 does not arrive with it.
func (w *keptWorld) run(branch string, context, tests int, completion monitor.Completion) []*monitor.Record {
	n := len(w.runs)
	commit := n
	if n > 7 {
		commit = rapid.IntRange(n-1, n).Draw(w.T, "commit")
	}
	run := keptRun{id: fmt.Sprint("run-", n), session: fmt.Sprintf("%s-%02d", w.project, n), commit: fmt.Sprint("c", commit),
		context: fmt.Sprint(w.project, " ", context)}
	w.runs = append(w.runs, run)
	recs := []*monitor.Record{{Session: &monitor.Session{SessionH: run.session, RunDate: w.at(n).Format(isoformat),
		ScmRef: monitor.Text{String: run.commit}, Tags: []monitor.Tag{
			{Name: "run", Value: monitor.Text{String: run.id}}, {Name: "branch", Value: monitor.Text{String: branch}}},
		Marks: monitor.Marks{Completion: completion}, End: monitor.End{Reason: "-x"}}}}
	if context < 2 {
		recs = append(recs, &monitor.Record{Context: box(run.context)})
	}
	for test := range tests {
		recs = append(recs, &monitor.Record{Metric: w.metric(run, test)})
	}
	return recs
}

func (w *keptWorld) at(n int) time.Time { return w.start.Add(time.Duration(n) * time.Minute) }

// metric returns a new measurement of a test. The first test takes as many times longer as tests do now.
func (w *keptWorld) metric(run keptRun, test int) *monitor.Metric {
	w.nMetrics++
	factor := 1.0
	if test == 0 {
		factor = w.lastFactor
	}
	start := w.at(len(w.runs)).Add(time.Duration(w.nMetrics) * time.Millisecond)
	name, mem := fmt.Sprint("test_", test), 100.0
	if test == 2 {
		mem = math.NaN()
	}
	return &monitor.Metric{SessionH: run.session, ContextH: run.context, ItemStartTime: start.Format(isoformat),
		ItemPath: "shop.test_pay", Item: name, ItemVariant: name, ItemFSLoc: "test_pay.py", Kind: monitor.KindFunction,
		TotalTime: 0.6 * factor, UserTime: 0.5 * factor, MemUsage: mem}
}

func (w *keptWorld) failed(run keptRun) *monitor.Outcome {
	w.nMetrics++
	start := w.at(len(w.runs)).Add(time.Duration(w.nMetrics) * time.Millisecond)
	id := fmt.Sprint("test_pay.py::test_", w.nMetrics)
	return &monitor.Outcome{NodeID: id, Outcome: monitor.OutcomeFailed, Metric: monitor.Metric{SessionH: run.session, ContextH: run.context,
		ItemStartTime: start.Format(isoformat), ItemPath: "shop.test_pay", Item: id, ItemVariant: id,
		Kind: monitor.KindFunction}}
}

// box is a machine.
func box(hash string) *monitor.Context {
	return &monitor.Context{H: hash, CPUCount: 8, RAMTotal: 32000, MachineNode: "box", MachineType: "x86_64", MachineArch: "64bit",
		SystemInfo: "Linux - 6.1.0", PythonInfo: "3.11.7 (main)"}
}

func (w *keptWorld) add(recs ...*monitor.Record) {
	for _, rec := range recs {
		rec.Project, rec.Received, rec.Client = w.project, w.at(len(w.runs)+1), "10.0.0.1"
	}
	require.NoError(w, w.db.Append(context.Background(), recs))
	for _, rec := range recs {
		switch {
		case rec.Metric != nil:
			w.metrics[rec.Seq] = rec.Metric.ContextH
		case rec.Context != nil:
			w.known[rec.Context.H] = true
		}
	}
}
