package judge

import (
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"slices"

	"pymon-bridge/monitor"
)

// basis stands for all that the report on a run follows from, beside the other runs of its commit. What a run measured is in it by
// the counts of its [monitor.RunInfo], since measurements are added and never changed. accepted is what was accepted in the project,
// without results: these are stored with an acceptance, and never changed. Where a context is missing, it may be
// found elsewhere, and nothing of the run tells. So there is no basis then.
//
// What else goes into a report has to go into its basis too.
func (j *Judge) basis(ctx context.Context, c monitor.Comparison, accepted []monitor.Acceptance) (string, error) {
	rules := ""
	if j.Rules != nil {
		rules = j.Rules()
	}
	unknown := func(run *monitor.RunInfo) bool { return slices.Contains(run.Environments, monitor.UnknownEnv) }
	if rules == "" || slices.ContainsFunc(c.Baseline, unknown) || slices.ContainsFunc(c.Window, unknown) {
		return "", nil
	}
	grown, err := j.Drift.state(ctx, c.Judged())
	if err != nil {
		return "", err
	}
	c.Accepted = nil // it follows from the acceptances, and has no order
	return digest(rules, j.Runs, j.MaxTests, j.MaxSamples, c, grown, accepted), nil
}

// basisWith adds the runs of the commit to a basis, since a report says which of them it leaves out.
func basisWith(basis string, runs []*monitor.RunInfo) string {
	if basis == "" {
		return ""
	}
	return digest(basis, runs)
}

// digest returns a hash of some values. gob writes them so that different values have different bytes.
func digest(values ...any) string {
	h := sha256.New()
	e := gob.NewEncoder(h)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			return ""
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
