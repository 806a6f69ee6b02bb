package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// Nobody may be made to paste what cannot be seen, and no line of a command may be one for a CI system.
func TestACommandHasOnlyWhatIsPrinted(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]string{
		"an escape": "a\x1b[31m", "a line": "a\n::error::x", "a return": "a\rb", "a turn": "a\u202eb", "invalid": "a\xffb",
		"invisible": "a\u200bb", "a command": "a##[error]b",
	} {
		text := write(t, report.Text, slowReport(), report.Options{Pytest: []string{"pytest", "--tag", "branch=" + odd}})
		assert.Contains(t, text, "\nnext      run the suspect again, which confirms or clears it\n", name)
		assert.NotContains(t, text, odd, name)
		assert.NotContains(t, text, "branch=", name)

		r := slowReport()
		r.Results[0].ItemFSLoc, r.Results[0].ItemPath = odd+"/test_payment.py", "test_payment"
		text = write(t, report.Text, r, report.Options{})
		assert.NotContains(t, text, odd, name)
	}
}

// A commit's name comes from a client. What git would take for an option, or for another thing than a commit, is not typed.
func TestGitIsAskedForHashesOnly(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{"--output=/tmp/x", "-p", "main", "HEAD;id", "v1.2", ""} {
		for _, lastGood := range []bool{true, false} {
			r := oneReport()
			if r.Results[0].LastGood = ""; lastGood {
				r.Results[0].LastGood, r.Results[0].FirstBad = odd, "2222222222"
				if odd == "" {
					continue // a first commit
				}
			} else {
				r.Results[0].FirstBad = odd
			}
			text := write(t, report.Text, r, report.Options{})
			assert.Contains(t, text, "\nnext      look at what has changed after the last good run\n", odd)
			assert.NotContains(t, text, "  git ", odd)
		}
	}
}

// With more tests than anybody can type, a file has the arguments, or the files of the tests are named.
func TestManyTestsAreRunAgain(t *testing.T) {
	t.Parallel()
	many, scattered := manyReport(0, 60), manyReport(0, 60)
	for i := range scattered.Results {
		scattered.Results[i].ItemPath = fmt.Sprintf("test_%060d", i)
		scattered.Results[i].ItemFSLoc = scattered.Results[i].ItemPath + ".py"
	}
	run := []string{"pymon-bridge", "run", "--", "pytest"}
	const says = "\nnext      run the suspects again, which confirms or clears them"
	for name, tc := range map[string]struct {
		report *monitor.Report
		file   string
		pytest []string
		want   string
	}{
		"a file":           {many, "out/my again.txt", nil, says + ":\n            pytest '@out/my again.txt'\n"},
		"a file and run":   {many, "a.txt", run, says + ":\n            pymon-bridge run -- pytest @a.txt\n"},
		"an odd file":      {many, "a\x1b.txt", nil, says + "\n"},
		"no file":          {many, "", run, says + ", with the other tests of their files:\n            pymon-bridge run -- pytest " + many.Results[0].ItemFSLoc + "\n"},
		"many files":       {scattered, "", nil, says + ": --rerun-file FILE writes the arguments for pytest\n"},
		"many, and a file": {scattered, "a.txt", nil, says + ":\n            pytest @a.txt\n"},
	} {
		text := write(t, report.Text, tc.report, report.Options{Pytest: tc.pytest, RerunFile: tc.file})
		assert.Contains(t, text, tc.want, name)
	}
}

// A bridge that serves keeps its file by itself. Only the directory of `run` has to be kept.
func TestOnlyADirectoryHasToBeKept(t *testing.T) {
	t.Parallel()
	for bridge, want := range map[string]bool{"": true, "https://ci.example.org": false} {
		d := &report.Digest{Report: learningReport(), Needed: 8}
		d.Add(outcome("test_a.py::test", "passed", 1, 1.5, 2))
		var b bytes.Buffer
		require.NoError(t, report.WriteDigests(&b, report.Text, []*report.Digest{d}, report.Options{BridgeURL: bridge}))
		assert.Contains(t, b.String(), "  next       run it again")
		assert.Equal(t, want, strings.Contains(b.String(), "keep the data directory"), bridge)
	}
}

// The detector needs a second run to see that a regression is gone. Until then readers learn that this run does not have it.
func TestARegressionThatIsUsualAgainSaysSo(t *testing.T) {
	t.Parallel()
	const again = "usual again in this run: a second such run ends it"
	r := oneReport()
	r.Results[0].UsualAgain = true
	for f, says := range map[report.Format]string{
		report.Text:     "    since 1111111111..2222222222, critical, " + again + "\n",
		report.Markdown: "`1111111111..2222222222`; " + again + " |",
		report.JUnit:    again,
		report.GitHub:   again,
		report.JSON:     `"usual_again": true`,
	} {
		assert.Contains(t, write(t, f, r, report.Options{}), says, f)
		assert.NotContains(t, write(t, f, oneReport(), report.Options{}), "again\": true", f)
		assert.NotContains(t, write(t, f, oneReport(), report.Options{}), again, f)
	}
	assert.Contains(t, write(t, report.Text, r, report.Options{}), "\nnext      run the tests again: a second run at the usual values ends what was worse\n")
	var history bytes.Buffer
	h := &report.History{Results: r.Results, Points: []report.HistoryPoint{{ScmRef: bad, CPU: 1, Wall: nan, Memory: nan}}}
	require.NoError(t, report.WriteHistory(&history, h, report.Screen{}))
	assert.Contains(t, history.String(), "\n           since 1111111111..2222222222\n           "+again+"\n")
	lasting := r.Results[0]
	lasting.UsualAgain, lasting.LastGood = false, "3333333333"
	r.Results = append(r.Results[:1:1], lasting)
	assert.Contains(t, write(t, report.Text, r, report.Options{}), "git log 3333333333..2222222222\n", "of the worst one that lasts")
}
