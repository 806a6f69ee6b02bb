package monitor

// Budget says how the tests of a report keep to limits that a team has set. It depends on no earlier run.
type Budget struct {
	Limits   int `json:"limits"`   // number of values that were compared with a limit
	Exceeded int `json:"exceeded"` // how many of them are above it
	// Uses has the values above their limit, those that are near, and the totals. The greatest share comes first.
	Uses []BudgetUse `json:"uses"`
	// Unmatched has the patterns that match no test.
	Unmatched []string `json:"unmatched"`
}

// BudgetUse is a value with its limit.
type BudgetUse struct {
	Test    string `json:"test"`    // node id, as far as it is known; empty for the total of all tests
	Pattern string `json:"pattern"` // whose limit it is; empty for the total
	Metric  string `json:"metric"`  // name of a judged metric
	Value   Number `json:"value"`   // in the metric's unit
	Limit   Number `json:"limit"`   // in the metric's unit; more exceeds it
	Share   Number `json:"share"`   // value / limit
}

// Exceeds says whether the value is above the limit.
func (u *BudgetUse) Exceeds() bool { return u.Value > u.Limit }

// Over is how many limits of a report's budget are exceeded. It is 0 for a report without a budget.
func (r *Report) Over() int {
	if r.Budget == nil {
		return 0
	}
	return r.Budget.Exceeded
}
