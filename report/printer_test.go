package report_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// TestPrinterOf holds what the parameters of a query do.
func TestPrinterOf(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]struct {
		format  report.Format
		options report.Options
		gate    monitor.Gate
	}{
		"":                               {report.JSON, report.Options{}, monitor.GateFail},
		"format=text&all=true":           {report.Text, report.Options{All: true}, monitor.GateFail},
		"all=true&item_variant=test_1":   {report.JSON, report.Options{All: true, ItemVariant: "test_1"}, monitor.GateFail},
		"format=junit&fail_on=never":     {report.JUnit, report.Options{FailOn: report.FailOnNever}, monitor.GatePass},
		"format=&fail_on=&all=&run=ci-1": {report.JSON, report.Options{}, monitor.GateFail},
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		p, err := report.PrinterOf(values, "http://b")
		require.NoError(t, err)
		var got bytes.Buffer
		want.options.BridgeURL = "http://b"
		require.NoError(t, p.Print(&got, manyReport(2, 1)))
		assert.Equal(t, write(t, want.format, manyReport(2, 1), want.options), got.String(), query)
		assert.Equal(t, want.format.ContentType(), p.ContentType(), query)
		assert.Equal(t, want.gate, p.Gate(manyReport(2, 1)), query)
		assert.Equal(t, monitor.GateNotJudged, p.Gate(unjudgedReport()), query)
	}
}

// TestPrinterOfNamesWhatIsWrong holds that each wrong parameter is named.
func TestPrinterOfNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := report.PrinterOf(url.Values{"format": {"yaml"}, "fail_on": {"rain"}, "all": {"perhaps"}}, "")
	var e *monitor.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, monitor.EInvalid, e.Code)
	assert.Contains(t, e.Fields["format"], `unknown format "yaml": expected one of text, markdown`)
	assert.Contains(t, e.Fields["fail_on"], `unknown reason to fail "rain": expected one of regression, suspect`)
	assert.Equal(t, "expected true or false", e.Fields["all"])
}

// Who asks about one test gets its results only.
func TestReportOnOneTest(t *testing.T) {
	t.Parallel()
	r := &monitor.Report{Results: []monitor.Result{result(monitor.StatusRegression, "test_a", monitor.MetricCPUTime, 1, 2),
		result(monitor.StatusOK, "test_b", monitor.MetricCPUTime, 1, 1)}}
	r.Results[0].ItemVariant, r.Results[1].ItemVariant = "test_a[1, 2]", "test_b"
	for variant, want := range map[string]int{"": 2, "test_a[1, 2]": 1, "test_b": 1, "test": 0} {
		var got monitor.Report
		require.NoError(t, json.Unmarshal([]byte(write(t, report.JSON, r, report.Options{All: true, ItemVariant: variant})), &got))
		assert.Len(t, got.Results, want, variant)
	}
}
