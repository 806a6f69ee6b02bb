package wire

import (
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// MetricNames are the names of a metric's texts and then of its measurements.
var MetricNames = func() []string {
	names := slices.Clone(monitor.MetricTexts[:])
	for i := range monitor.Measurements {
		names = append(names, i.String())
	}
	return names
}()

// The members of a row in the order of measuredNames: those of [MetricNames], then these.
const (
	nodeID = len(monitor.MetricTexts) + int(monitor.Measurements) + iota
	outcome
	attempts
	setupTime
	teardownTime
	memPeak
	memTest
	members // their number
)

var measuredNames = append(slices.Clone(MetricNames), "nodeid", "outcome", "attempts", "setup_time", "teardown_time", "mem_peak",
	"mem_test")

// DecodeMetric reads a row of `POST /metrics/`. All 14 fields except component are required. component may be null. A row
// of this project's plugin has the outcome of the test too, and its measurements may be null. It is a test that passed. o is
// nil for other rows. The error is an EInvalid that names each wrong field.
func DecodeMetric(body []byte) (m *monitor.Metric, o *monitor.Outcome, err error) {
	var values [members]value
	f, err := scanFields("metric", body, measuredNames, values[:])
	if err != nil {
		return nil, nil, err
	}
	measurement := (*fields).float
	if f.has(outcome) {
		measurement = (*fields).measured
	}
	m = f.metric(measurement)
	if f.has(outcome) {
		o = f.outcome(m)
		if o.Outcome != monitor.Passed && o.Outcome != monitor.XPassed && f.values[outcome].kind == text {
			f.wrongText(outcome, monitor.Passed+" or "+monitor.XPassed+" (POST /outcomes/ takes the others)", o.Outcome)
		}
	}
	if err := f.err(); err != nil {
		return nil, nil, err
	}
	if o != nil {
		return m, o, o.Validate()
	}
	return m, nil, m.Validate()
}

// DecodeOutcome reads a row of `POST /outcomes/`. It has the fields of a metric, whose measurements may be null, and nodeid
// and outcome. attempts, setup_time, teardown_time, mem_peak and mem_test may be there. The error is an EInvalid that names
// each wrong field.
func DecodeOutcome(body []byte) (*monitor.Outcome, error) {
	var values [members]value
	f, err := scanFields("outcome", body, measuredNames, values[:])
	if err != nil {
		return nil, err
	}
	o := f.outcome(f.metric((*fields).measured))
	if err := f.err(); err != nil {
		return nil, err
	}
	return o, o.Validate()
}

// metric returns the 14 fields of a row. measurement reads one of the measurements.
func (f *fields) metric(measurement func(f *fields, i int) float64) *monitor.Metric {
	m := new(monitor.Metric)
	texts := m.Texts()
	last := len(texts) - 1 // the component
	for i, s := range texts[:last] {
		*s = f.text(i)
	}
	m.Component = f.optional(last).String
	for i, v := range m.Values() {
		*v = measurement(f, len(texts)+i)
	}
	return m
}

// outcome returns the outcome of a row, whose other fields are m.
func (f *fields) outcome(m *monitor.Metric) *monitor.Outcome {
	o := &monitor.Outcome{Metric: *m, NodeID: f.text(nodeID), Outcome: f.text(outcome), Attempts: 1,
		SetupTime: f.optionalFloat(setupTime), TeardownTime: f.optionalFloat(teardownTime),
		MemPeak: f.optionalFloat(memPeak), MemTest: f.optionalFloat(memTest)}
	if f.has(attempts) {
		o.Attempts = f.within(attempts, 1, math.MaxInt64)
	}
	return o
}
