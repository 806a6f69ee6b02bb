package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// checkCmd asks a bridge for the report on a run. The exit status is 0 when the gate passes, 1 when it fails, and 2 when the
// run could not be judged.
type checkCmd struct {
	URL     *string `help:"Address of the bridge, as in pytest's --remote-server. It can name the project, and have a token as its password. Without it, the measurements that pymon-bridge run keeps here, else http://127.0.0.1:8080." placeholder:"URL" env:"PYMON_URL"`
	Token   string  `help:"Token of the project. It is safer in the environment variable, or in the file that PYMON_TOKEN_FILE names." placeholder:"TOKEN" env:"PYMON_TOKEN" file:"" type:"secret"`
	Project string  `help:"Project, if the address names none." placeholder:"NAME" env:"PYMON_PROJECT"`
	Data    string  `help:"Directory in which pymon-bridge run keeps measurements. No server is needed." placeholder:"DIR"`

	ScmRef *string `help:"Judge this commit: all its runs." placeholder:"COMMIT" env:"PYMON_SCM_REF"`
	RunID  *string `name:"run" help:"Judge the run with this id, and no other run of its commit. \"latest\" is the last run that measured something." placeholder:"ID" env:"PYMON_RUN"`
	Head   string  `help:"Branch of the judged runs, because a commit may be on several branches. Without this flag, all branches count." placeholder:"NAME" env:"PYMON_HEAD_BRANCH"`

	Format string `help:"Format of the report: ${enum}." enum:"text,markdown,json,junit,github" default:"text" env:"PYMON_FORMAT"`
	All    bool   `help:"Also print the results that are ok or still learning."`
	judgeFlags
}

// judgeFlags say how a run is judged. The commands check and run have them.
type judgeFlags struct {
	Branch    string   `help:"Branch whose runs are the baseline, such as main for a pull request. Without this flag, the branch of the run." placeholder:"NAME" env:"PYMON_BASE_BRANCH"`
	FailOn    string   `help:"What makes the command fail: ${enum}." enum:"regression,suspect,drift,suite,never" default:"regression" env:"PYMON_FAIL_ON"`
	Budget    string   `help:"File with limits for tests and for all tests together, in TOML. A test above its limit is like a regression, also in the first run." placeholder:"FILE" env:"PYMON_BUDGET"`
	RerunFile string   `help:"Write arguments for pytest to this file: \"pytest @FILE\" then runs the conspicuous tests again. Without such tests there is no file." placeholder:"FILE"`
	Grafana   string   `name:"grafana-url" help:"Address of Grafana, for the links of a Markdown report." placeholder:"URL" env:"PYMON_GRAFANA_URL"`
	Timeout   patience `help:"How long to wait for the report." default:"2m" env:"PYMON_TIMEOUT"`
}

// Exit statuses of `check`, besides 0.
const (
	statusRegression = 1
	statusNotJudged  = 2
)

func (*checkCmd) Help() string {
	return `
    pymon-bridge check                                    # the last run
    pymon-bridge check --scm-ref "$COMMIT" --branch main  # a pull request
    pymon-bridge check --project shop --fail-on suspect --rerun-file again.txt
    pymon-bridge check --budget budget.toml               # [total] wall_time = "10m"`
}

func (c *judgeFlags) Validate() error {
	if _, ok := webAddress(strings.TrimSpace(c.Grafana)); c.Grafana != "" && !ok {
		return errors.New("--grafana-url: expected an address such as https://grafana.example.org")
	}
	return nil
}

// Run prints the report, and fails when the gate does not pass.
func (c *checkCmd) Run(ctx context.Context, m *Main) error {
	if err := c.writeRerun(nil); err != nil { // the file of an earlier check says nothing about this run
		return &exitError{statusNotJudged, err}
	}
	limits, err := c.limits()
	if err != nil {
		return &exitError{statusNotJudged, err}
	}
	query, err := c.query()
	if err != nil {
		return &exitError{statusNotJudged, fmt.Errorf("could not judge: %w", err)}
	}
	from, err := c.find(ctx, m)
	if err != nil {
		return &exitError{statusNotJudged, err}
	}
	defer from.leave()
	r, err := c.report(ctx, m, from, query)
	if err == nil {
		r.Budget, err = client{from.URL, from.Token, r.Project}.budget(ctx, m, limits, r)
	}
	if err != nil {
		return &exitError{statusNotJudged, fmt.Errorf("could not judge: %w", err)}
	}
	options := report.Options{FailOn: report.FailOn(c.FailOn), All: c.All, Colour: m.colouredReport(m.Stdout), Width: widthOf(m.Stdout),
		Pytest: c.pytest(from, r), TokenNote: tokenNote(from, r), RerunFile: c.RerunFile, BridgeURL: cmp.Or(from.public, from.origin()), GrafanaURL: c.Grafana}
	if from.seat != nil { // the bridge ends with this command
		options.TokenNote, options.BridgeURL = "", ""
	}
	err = report.Write(m.Stdout, report.Format(c.Format), r, options)
	if err == nil {
		err = c.writeRerun(report.Rerun(r))
	}
	if err == nil && report.Format(c.Format) == report.Text {
		err = report.WriteHints(m.Stdout, client{from.URL, from.Token, r.Project}.advice(ctx, m, r), options)
	}
	if err != nil {
		return &exitError{statusNotJudged, err}
	}
	return c.gate(r)
}

// find finds the bridge to ask. It starts one for a directory, which ends with the source.
func (c *checkCmd) find(ctx context.Context, m *Main) (*source, error) {
	// When the variable of a pipeline is empty, the command must not judge what somebody else measured.
	if c.Data == "" && c.URL != nil && *c.URL == "" {
		return nil, errors.New("--url: expected an address, got an empty text")
	}
	asked := askFlags{Data: c.Data}
	if c.URL != nil {
		asked.URL = *c.URL
	}
	dir, err := asked.directory()
	if err != nil {
		return nil, err
	}
	from := &source{m: m, client: client{cmp.Or(asked.URL, defaultURL), c.Token, c.Project}}
	if dir != "" {
		if c.Data == "" {
			m.say("judging what pymon-bridge run keeps in %s", dir)
		}
		if from.seat, from.client, err = openKept(ctx, dir, c.Project); err != nil {
			return nil, err
		}
	}
	return from, nil
}

// pytest returns the command that measures what joins the history of the run.
func (c *checkCmd) pytest(from *source, r *monitor.Report) []string {
	if from.seat == nil {
		return report.SendTo(from.origin(), r)
	}
	return (&invocation{runCmd: &runCmd{Data: c.Data, Project: c.Project, Tag: report.BranchTags(r), judgeFlags: c.judgeFlags}}).again()
}

// gate returns the error of a report with which the gate does not pass.
func (c *checkCmd) gate(r *monitor.Report) error {
	switch gate, sentence := report.Gate(r, report.FailOn(c.FailOn)); gate {
	case monitor.GateFail:
		if report.Format(c.Format) == report.Text {
			return &exitError{status: statusRegression} // the report begins with the sentence
		}
		return &exitError{statusRegression, errors.New(sentence)}
	case monitor.GateNotJudged:
		return &exitError{statusNotJudged, fmt.Errorf("could not judge: run \"%s\" %s", report.Printable(r.Run), report.Printable(report.Unjudged(r)))}
	}
	return nil
}

// report asks a bridge for a report, until it gets one or the time is over.
func (c *judgeFlags) report(ctx context.Context, m *Main, from *source, query url.Values) (*monitor.Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(c.Timeout), fmt.Errorf("no answer within %s", c.Timeout))
	defer cancel()
	wait := m.spin("waiting for the report")
	defer wait.end()
	return patiently(ctx, func(reason error) {
		most := time.Duration(c.Timeout)
		if later, ok := errors.AsType[*laterError](reason); ok && later.refused {
			most = min(most, restartTime)
		}
		wait.say("pymon-bridge: %s; asking again, for at most %s", printableLines(reason.Error()), most)
	}, func(ctx context.Context) (*monitor.Report, error) { return from.report(ctx, query) })
}

// report asks once for a report.
func (s *source) report(ctx context.Context, query url.Values) (*monitor.Report, error) {
	response, err := s.get(ctx, query, "regressions")
	if err != nil {
		return nil, err
	}
	var r monitor.Report
	if err := decode(ctx, response, &r); err != nil {
		return nil, err
	}
	if r.Project == "" || r.Run == "" || r.Suite.Status.Severity() < 0 { // JSON of another service must not look like a run without regressions
		return nil, fmt.Errorf("the answer of %s is not a report: it judges no run", shown(response.Request.URL))
	}
	return &r, nil
}

// tokenNote says where the token of the command that sends to the bridge goes, if it needs one.
func tokenNote(from *source, r *monitor.Report) string {
	if !from.hasToken() {
		return ""
	}
	return "with the token in the address, as " + strings.Replace(report.AddressOf(from.origin(), r), "://", "://x:TOKEN@", 1)
}

func (c *checkCmd) query() (url.Values, error) {
	query := c.judgeFlags.query()
	if c.Head != "" {
		query.Set("head", c.Head)
	}
	// When the variable of a pipeline is empty, the command must not judge the last run of somebody else.
	for _, of := range []struct {
		flag, name string
		value      *string
	}{{"--scm-ref", "scm_ref", c.ScmRef}, {"--run", "run", c.RunID}} {
		switch {
		case of.value == nil:
		case *of.value == "":
			return nil, fmt.Errorf("%s: expected a value, got an empty text", of.flag)
		default:
			query.Set(of.name, *of.value)
		}
	}
	if c.All {
		query.Set("all", "true")
	}
	return query, nil
}

// query returns the question for a report that is judged as the flags say.
func (c *judgeFlags) query() url.Values {
	query := url.Values{"format": {"json"}}
	if c.Branch != "" {
		query.Set("branch", c.Branch)
	}
	return query
}

// writeRerun writes arguments for pytest to the file. Without arguments it removes the file, because pytest would run all
// tests for an empty file.
func (c *judgeFlags) writeRerun(lines []string) error {
	if c.RerunFile == "" {
		return nil
	}
	if err := expectFile("--rerun-file", c.RerunFile); err != nil {
		return err
	}
	if len(lines) == 0 {
		err := os.Remove(c.RerunFile)
		if errors.Is(err, fs.ErrNotExist) {
			_, err = os.Stat(filepath.Dir(c.RerunFile)) // better now than when there is something to write
		}
		if err != nil {
			return fmt.Errorf("--rerun-file: %w", err)
		}
		return nil
	}
	f, err := os.Create(c.RerunFile)
	if err != nil {
		return fmt.Errorf("--rerun-file: %w", err)
	}
	_, err = io.WriteString(f, strings.Join(lines, "\n")+"\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("--rerun-file: %w", err)
	}
	return nil
}

// expectFile refuses a directory where a flag or an argument names a file.
func expectFile(name, path string) error {
	if at, err := os.Stat(path); err == nil && at.IsDir() {
		return fmt.Errorf("%s: expected a file, but %s is a directory", name, path)
	}
	return nil
}
