package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

const noMeasurements = "no measurements arrived"

// nothingMeasured says why a command may have measured nothing.
const nothingMeasured = noMeasurements + `. The reasons may be:
  - They could not be delivered. Then the output of pytest says so.
  - The command starts no pytest, or with an environment of its own (sudo, docker, env -i, tox before 4).
  - Python ignores PYTHONPATH, as "python -I" does. Then install the plugin: pip install pymon-bridge.
  - pytest is older than 6.2, or Python is older than 3.8.
  - pytest ended before its first test: a wrong option, --collect-only, or -p no:pymon_bridge.
  - The command has a "pymon-bridge run" in it, which measured the tests.`

// bridgeDied says why a command may have measured more than there is.
const bridgeDied = "the bridge ended before the command did, so results may be missing"

// log names the log of the bridge, if the bridge is that of `run`.
func (i *invocation) log() string {
	if i.seat == nil {
		return ""
	}
	return "; the log of the bridge is " + filepath.Join(i.seat.dir, runLog)
}

// finish prints the summary, and waits for deliveries. It returns the error of the gate.
func (i *invocation) finish(ctx context.Context) (gate error) {
	digests, err := i.digests(ctx)
	if err != nil && i.seat != nil {
		if url, openErr := i.seat.openBridge(ctx, i.influxFlags); openErr == nil { // the bridge was killed; what it had is on the disk
			i.died, i.to.URL = url != i.to.URL, url
			digests, err = i.digests(ctx)
		}
	}
	switch {
	case err != nil:
		i.m.say("no summary: %v%s", err, i.log())
		i.markdown(func(w io.Writer) error { return report.WriteNoDigest(w, err.Error()) })
		gate = &exitError{statusNotJudged, errors.New("could not judge: there is no summary")}
	case len(digests) == 0:
		unwell := i.unwell(ctx)
		i.m.say("%s", cmp.Or(unwell, nothingMeasured))
		i.markdown(func(w io.Writer) error { return report.WriteNoDigest(w, cmp.Or(unwell, noMeasurements)) })
		gate = &exitError{statusNotJudged, errors.New("could not judge: nothing was measured")}
	default:
		i.write(digests)
		gate = i.gate(digests)
	}
	if err := i.rerun(digests); err != nil {
		i.m.say("%v", err)
	}
	if i.seat != nil && (err != nil || len(digests) > 0) {
		i.deliver(ctx)
	}
	return gate
}

// unwell says why the bridge of `run` accepts nothing, such as a full disk. It is "" for a bridge that is well.
func (i *invocation) unwell(ctx context.Context) string {
	if i.seat == nil {
		return ""
	}
	ready, err := i.operator(ctx, "ready")
	if err != nil || !strings.Contains(ready, "[-]journal") {
		return ""
	}
	return "the bridge is not well, so nothing was measured: " + report.Printable(strings.TrimSpace(ready))
}

// gate returns the exit status that the reports of all runs ask for, and why. A regression outweighs a run that could not be
// judged.
func (i *invocation) gate(digests []*report.Digest) error {
	err := &exitError{status: 0}
	for _, d := range digests {
		status, reason := 0, ""
		switch {
		case d.Report == nil && d.Tests() == 0:
			status, reason = statusNotJudged, "no test ran"
		case d.Report == nil:
			status, reason = statusNotJudged, d.Unjudged
		default:
			switch gate, _ := report.Gate(d.Report, report.FailOn(i.FailOn)); gate {
			case monitor.GateFail:
				return &exitError{status: statusRegression} // the summary says why
			case monitor.GateNotJudged:
				status, reason = statusNotJudged, "the run "+report.Printable(report.Unjudged(d.Report))
			}
		}
		if status != 0 {
			err = &exitError{status, errors.New("could not judge: " + reason)}
		}
	}
	switch {
	case i.died:
		return &exitError{statusNotJudged, errors.New("could not judge: " + bridgeDied)}
	case err.status == 0:
		return nil
	}
	return err
}

// rerun writes arguments with which pytest runs the conspicuous tests again. With several runs they are those of the first one
// that has any: pytest takes one expression.
func (i *invocation) rerun(digests []*report.Digest) error {
	var lines []string
	for _, d := range digests {
		if d.Report != nil && len(lines) == 0 {
			lines = report.Rerun(d.Report)
		}
	}
	return i.writeRerun(lines)
}

// write prints the summary, and writes it as Markdown where somebody wants it.
func (i *invocation) write(digests []*report.Digest) {
	options := report.Options{FailOn: report.FailOn(i.FailOn), GrafanaURL: i.Grafana, Pytest: i.again(), TokenNote: i.tokenNote()}
	if len(digests) == 1 {
		options.RerunFile = i.RerunFile // of several runs it has the tests of one
	}
	if i.runCmd.URL != "" {
		options.BridgeURL = cmp.Or(i.to.public, i.to.origin())
	}
	terminal := options
	terminal.Colour, terminal.Width = i.m.colouredReport(i.m.Stderr), widthOf(i.m.Stderr)
	_ = report.WriteDigests(i.m.Stderr, report.Text, digests, terminal) // nobody could read of the failure
	i.markdown(func(w io.Writer) error { return report.WriteDigests(w, report.Markdown, digests, options) })
}

// again returns the command that measures other tests like this one, without a token.
func (i *invocation) again() []string {
	words, url, project := []string{"pymon-bridge", "run"}, "", i.runCmd.Project
	if i.runCmd.URL != "" && i.runCmd.URL != os.Getenv("PYMON_URL") {
		if u, err := i.to.base(); err == nil {
			u.User = nil
			url, project = u.String(), "" // the address has it
		}
	}
	if project == monitor.DefaultProject {
		project = ""
	}
	for _, flag := range []struct{ name, value string }{
		{"--data", i.Data}, {"--project", project}, {"--branch", i.Branch}, {"--url", url},
	} {
		if flag.value != "" {
			words = append(words, flag.name, flag.value)
		}
	}
	for _, tag := range i.Tag {
		words = append(words, "--tag", tag)
	}
	return append(words, "--", "pytest")
}

// tokenNote says where the token of that command goes, if it is not there already.
func (i *invocation) tokenNote() string {
	url := i.runCmd.URL
	if url == "" || url == os.Getenv("PYMON_URL") || cmp.Or(os.Getenv("PYMON_TOKEN"), os.Getenv("PYMON_TOKEN_FILE")) != "" || !i.to.hasToken() {
		return ""
	}
	return "with the token in PYMON_TOKEN"
}

// markdown writes the summary to the files that are to have it. It begins with the line by which a bot finds its comment.
func (i *invocation) markdown(write func(w io.Writer) error) {
	for _, to := range []struct {
		from, path string
		how        int
	}{
		{"--summary", i.Summary, os.O_TRUNC},
		{"GITHUB_STEP_SUMMARY", os.Getenv("GITHUB_STEP_SUMMARY"), os.O_APPEND}, // other steps write there too
	} {
		if to.path == "" {
			continue
		}
		f, err := os.OpenFile(to.path, os.O_WRONLY|os.O_CREATE|to.how, 0o644) // #nosec G302 -- not a secret
		if err == nil {
			_, err = fmt.Fprintln(f, report.Marker(cmp.Or(i.Project, monitor.DefaultProject)))
			err = errors.Join(err, write(f), f.Close())
		}
		if err != nil {
			i.m.say("%s: %v", to.from, err)
		}
	}
}
