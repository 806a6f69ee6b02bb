package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// RunLine is a run in a list. Its JSON is that of `GET /api/v1/runs/`.
type RunLine struct {
	Project      string             `json:"project"`
	Run          string             `json:"run"`
	ScmRef       string             `json:"scm_ref"`
	Branch       string             `json:"branch"`
	Environments []string           `json:"environments"`
	Tests        int64              `json:"tests"`
	TotalTime    float64            `json:"total_time"` // seconds
	Outcomes     map[string]int64   `json:"outcomes"`   // nil where nothing is known of outcomes
	Completion   monitor.Completion `json:"completion"`
	Partial      string             `json:"partial"` // why the run is no run of the whole suite
	Report       *monitor.Brief     `json:"report"`  // nil where no report is kept
	Started      time.Time          `json:"started"`
	Ended        time.Time          `json:"ended"` // end of the last test
	Sessions     []RunSession       `json:"sessions"`
}

// RunSession is a session of a run in a list.
type RunSession struct {
	SessionH string `json:"session_h"`
	Method   string `json:"method"`
	Tags     []struct {
		Name  string  `json:"name"`
		Value *string `json:"value"`
	} `json:"tags"`
}

// Session returns what of the session decides on the class of machine.
func (r *RunSession) Session() *monitor.Session {
	s := &monitor.Session{SessionH: r.SessionH, Marks: monitor.Marks{Method: r.Method}}
	for _, tag := range r.Tags {
		if tag.Value != nil {
			s.Tags = append(s.Tags, monitor.Tag{Name: tag.Name, Value: monitor.Text{String: *tag.Value}})
		}
	}
	s.FixTags()
	return s
}

// Screen is where lists for people are written.
type Screen struct {
	Colour bool
	Width  int // in characters; 0 where there is no limit
}

// Measured says whether a run has tests that passed or failed.
func (r *RunLine) Measured() bool { return r.Tests > 0 || len(r.tally()) > 0 }

// tally lists what became of the tests. What failed comes first, since the end may be cut. Where only some sessions told of outcomes,
// the measured tests of the others come last.
func (r *RunLine) tally() (parts []string) {
	outcomes := slices.Clone(monitor.Outcomes[:])
	slices.SortStableFunc(outcomes, func(a, b string) int { return cmp.Compare(worse(b), worse(a)) })
	for _, outcome := range outcomes {
		if n := r.Outcomes[outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
		}
	}
	if n := r.Tests - r.Outcomes[monitor.Passed] - r.Outcomes[monitor.XPassed]; n > 0 && len(parts) > 0 {
		parts = append(parts, fmt.Sprintf("%d without outcome", n))
	}
	return parts
}

// worse is 1 for an outcome that makes a run fail, else 0.
func worse(outcome string) int {
	if outcome == monitor.OutcomeFailed || outcome == monitor.OutcomeError {
		return 1
	}
	return 0
}

// WriteRuns writes a table of runs. Fails with the error of w.
func WriteRuns(w io.Writer, runs []RunLine, s Screen) error {
	t := newTable(s, "STARTED", "VERDICT", "COMMIT", "BRANCH", "TIME", "OUTCOME", "RUN")
	t.columns[1].whole, t.columns[4].number, t.begins = true, true, true
	started := "2006-01-02 15:04"
	if s.Width > 0 && s.Width < 100 { // the id of the run matters more than the year
		started = started[len("2006-"):]
	}
	for i := range runs {
		r := &runs[i]
		outcome, colour := strings.Join(r.tally(), ", "), ""
		switch {
		case r.Outcomes[monitor.OutcomeFailed]+r.Outcomes[monitor.OutcomeError] > 0:
			colour = red
		case outcome == "":
			outcome = count(int(r.Tests), "test")
		}
		if r.Completion == monitor.Partial {
			outcome += ", partial"
		}
		t.add(cell{text: r.Started.Local().Format(started)}, r.verdict(), cell{text: dash(commit(r.ScmRef))}, cell{text: dash(show(r.Branch, 20))},
			cell{text: seconds(r.TotalTime)}, cell{text: outcome, colour: colour}, cell{text: show(r.Run, shortName)})
	}
	return t.write(w)
}

// verdict returns what the kept report says, and of how many tests. It is empty where none is kept.
func (r *RunLine) verdict() cell {
	b := r.Report
	if b == nil {
		return cell{}
	}
	v := verdictOf(b.Verdict)
	switch {
	case b.Verdict == monitor.StatusRegression && b.Regressions > 0:
		v.word = fmt.Sprintf("%d regressed", b.Regressions)
	case b.Verdict == monitor.StatusSuspect && b.Suspects > 0:
		v.word = fmt.Sprintf("%d suspect", b.Suspects)
	case b.Verdict == monitor.StatusOK && b.Improvements > 0:
		v = verdictOf(monitor.StatusImprovement)
		v.word = fmt.Sprintf("%d better", b.Improvements)
	}
	return cell{v.sign + " " + v.word, v.colour}
}

func dash(s string) string {
	if s == "" {
		return unknown
	}
	return s
}
