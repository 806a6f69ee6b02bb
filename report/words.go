package report

import "pymon-bridge/monitor"

// Words has the words of reports for other readers than those of the formats.
type Words struct{}

// Sentence says what a report found, as [Gate] does.
func (Words) Sentence(r *monitor.Report) string {
	_, sentence := Gate(r, FailOnRegression)
	return sentence
}

// Amount returns a value of a metric with its unit, in three digits or so: 1.23 s, 45 ms, 12.5 MiB.
func (Words) Amount(metric string, value float64) string {
	return amount(metric, monitor.Number(value))
}

// Ratio returns a ratio as ×1.50.
func (Words) Ratio(r float64) string { return ratio(monitor.Number(r)) }

// Printable is [Printable].
func (Words) Printable(s string) string { return Printable(s) }

// Commit returns the first ten digits of a hash. A name that is no hash is returned whole.
func (Words) Commit(ref string) string { return commit(ref) }

// Growth is [Growth].
func (Words) Growth(metric string, d *monitor.Drift) string { return Growth(metric, d) }

// Growing says how the suite and its parts grow slowly.
func (Words) Growing(r *monitor.Report) []string { return growth(r, severalMachines(r), show) }

// Again returns a command that runs pytest with the arguments of [Rerun], and sends to a bridge as [SendTo] says; "" where there are none.
func (Words) Again(r *monitor.Report, bridge string) string {
	arguments := Rerun(r)
	if arguments == nil {
		return ""
	}
	return commandOf(SendTo(bridge, r), arguments...)
}
