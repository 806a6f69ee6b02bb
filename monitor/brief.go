package monitor

// Brief is what a list of runs shows of a report.
type Brief struct {
	// Verdict is what matters most: regression, slow_machine, suspect, ok, learning or not_judged.
	Verdict Status `json:"verdict"`
	// The numbers count tests. A test counts once, however many of its metrics have the status.
	Regressions  int `json:"regressions"`
	Suspects     int `json:"suspects"`
	Improvements int `json:"improvements"`
}

// Brief sums up a report. Results that are ok or learning may be left out of it.
func (r *Report) Brief() Brief {
	return Brief{r.Verdict(), r.TestsWith(StatusRegression), r.TestsWith(StatusSuspect), r.TestsWith(StatusImprovement)}
}

// Verdict returns what matters most about a report.
func (r *Report) Verdict() Status {
	switch s := r.Summary; {
	case s.Regressions > 0:
		return StatusRegression
	case r.Suite.Status == StatusSlowMachine, r.Suite.Status == StatusRegression:
		return StatusSlowMachine
	case s.Suspects > 0:
		return StatusSuspect
	case s.Drifts > 0, len(r.Suite.Drift) > 0:
		return StatusDrift
	case s.OK+s.Improvements > 0:
		return StatusOK
	case s.Learning > 0:
		return StatusLearning
	}
	return StatusNotJudged
}

// TestsWith returns the number of tests that have a result with a status.
func (r *Report) TestsWith(status Status) int {
	tests := map[TestID]bool{}
	for i := range r.Results {
		if r.Results[i].Status == status {
			tests[r.Results[i].TestID] = true
		}
	}
	return len(tests)
}
