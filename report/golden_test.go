package report_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// write returns a report in a format.
func write(tb testing.TB, f report.Format, r *monitor.Report, o report.Options) string {
	tb.Helper()
	var b bytes.Buffer
	require.NoError(tb, report.Write(&b, f, r, o))
	return b.String()
}

// TestGolden holds what every format looks like: read the files in testdata. -update writes them anew.
func TestGolden(t *testing.T) {
	t.Parallel()
	options := report.Options{BridgeURL: "https://pymon.example.org/", GrafanaURL: "https://grafana.example.org/g"}
	for _, s := range samples() {
		for _, f := range report.Formats() {
			t.Run(s.name+"/"+string(f), func(t *testing.T) {
				t.Parallel()
				file := filepath.Join("testdata", s.name+"."+string(f))
				got := write(t, f, s.report, options)
				if *update {
					require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				assert.Equal(t, string(want), got)
			})
		}
	}
}

// TestAllShowsWhatIsFine holds that results that are ok or learning are left out unless asked for.
func TestAllShowsWhatIsFine(t *testing.T) {
	t.Parallel()
	for _, f := range []report.Format{report.Text, report.Markdown, report.JSON, report.JUnit} {
		for _, r := range []*monitor.Report{fineReport(), learningReport()} {
			assert.NotContains(t, write(t, f, r, report.Options{}), "test_pay[cash]", f)
			assert.Contains(t, write(t, f, r, report.Options{All: true}), "test_pay[cash]", f)
		}
	}
}

// TestColourIsAskedFor holds that only text has escapes, and only when asked to, and that they are its own.
func TestColourIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		for _, f := range report.Formats() {
			assert.NotContains(t, write(t, f, s.report, report.Options{}), "\x1b", f)
			if coloured := write(t, f, s.report, report.Options{Colour: true}); f == report.Text {
				assert.Contains(t, coloured, "\x1b[")
				uncoloured := regexp.MustCompile("\x1b\\[(1;31|3[23]|[012])m").ReplaceAllString(coloured, "") // no background, no brightness
				assert.Equal(t, write(t, f, s.report, report.Options{}), uncoloured)
			} else {
				assert.NotContains(t, coloured, "\x1b", f)
			}
		}
	}
}

// TestParsing holds that what is not known is answered with what is.
func TestParsing(t *testing.T) {
	t.Parallel()
	for _, f := range report.Formats() {
		parsed, err := report.ParseFormat(string(f))
		require.NoError(t, err)
		assert.Equal(t, f, parsed)
	}
	for _, on := range report.FailOns() {
		parsed, err := report.ParseFailOn(string(on))
		require.NoError(t, err)
		assert.Equal(t, on, parsed)
	}
	_, err := report.ParseFormat("yaml")
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
	assert.EqualError(t, err, `unknown format "yaml": expected one of text, markdown, json, junit, github`)
	_, err = report.ParseFailOn("")
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
	assert.EqualError(t, err, `unknown reason to fail "": expected one of regression, suspect, drift, suite, never`)
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(report.Write(nil, "yaml", fineReport(), report.Options{})))
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	for f, want := range map[report.Format]string{
		report.Text: "text/plain; charset=utf-8", report.Markdown: "text/markdown; charset=utf-8",
		report.JSON: "application/json", report.JUnit: "application/xml", report.GitHub: "text/plain; charset=utf-8",
	} {
		assert.Equal(t, want, f.ContentType())
	}
}

// full is a writer that takes nothing.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	t.Parallel()
	for _, f := range report.Formats() {
		require.ErrorIs(t, report.Write(full{}, f, oneReport(), report.Options{}), errFull)
	}
}
