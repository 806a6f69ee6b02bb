package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// checkCmd asks a bridge for the report on a run. The exit status is 0 when the gate passes, 1 when it fails, and 2 when the
// run could not be judged.
type checkCmd struct {
	URL     string `help:"Address of the bridge, as in pytest's --remote-server. It can name the project, and have a token as its password." default:"http://127.0.0.1:8080" env:"PYMON_URL"`
	Token   string `help:"Token of the project. It is safer in the environment variable, or in the file that PYMON_TOKEN_FILE names." placeholder:"TOKEN" env:"PYMON_TOKEN" file:""`
	Project string `help:"Project, if the address names none." placeholder:"NAME" env:"PYMON_PROJECT"`

	ScmRef *string `help:"Judge this commit: all its runs." placeholder:"COMMIT" env:"PYMON_SCM_REF"`
	RunID  *string `name:"run" help:"Judge the run with this id, and no other run of its commit. \"latest\" is the last run that measured something." placeholder:"ID" env:"PYMON_RUN"`
	Head   string  `help:"Branch of the judged runs, because a commit may be on several branches. Without this flag, all branches count." placeholder:"NAME" env:"PYMON_HEAD_BRANCH"`
	Branch string  `help:"Branch whose runs are the baseline, such as main for a pull request. Without this flag, the branch of the run." placeholder:"NAME" env:"PYMON_BASE_BRANCH"`

	Format    string        `help:"Format of the report: ${enum}." enum:"text,markdown,json,junit,github" default:"text" env:"PYMON_FORMAT"`
	All       bool          `help:"Also print the results that are ok or still learning."`
	FailOn    string        `help:"What makes the command fail: ${enum}." enum:"regression,suspect,suite,never" default:"regression" env:"PYMON_FAIL_ON"`
	RerunFile string        `help:"Write arguments for pytest to this file: \"pytest @FILE\" then runs the conspicuous tests again. Without such tests there is no file." placeholder:"FILE"`
	Grafana   string        `name:"grafana-url" help:"Address of Grafana, for the links of a Markdown report." placeholder:"URL" env:"PYMON_GRAFANA_URL"`
	Timeout   time.Duration `help:"How long to wait for the report." default:"2m" env:"PYMON_TIMEOUT"`
}

// Exit statuses of `check`, besides 0.
const (
	statusRegression = 1
	statusNotJudged  = 2
)

// Run prints the report, and fails when the gate does not pass.
func (c *checkCmd) Run(ctx context.Context, m *Main) error {
	if err := c.writeRerun(nil); err != nil { // the file of an earlier check says nothing about this run
		return &exitError{statusNotJudged, err}
	}
	r, err := c.fetch(ctx, m)
	if err != nil {
		return &exitError{statusNotJudged, fmt.Errorf("could not judge: %w", err)}
	}
	err = report.Write(m.Stdout, report.Format(c.Format), r, report.Options{
		FailOn: report.FailOn(c.FailOn), All: c.All, BridgeURL: c.origin(), GrafanaURL: c.Grafana,
	})
	if err == nil {
		err = c.writeRerun(report.Rerun(r))
	}
	if err != nil {
		return &exitError{statusNotJudged, err}
	}
	switch gate, sentence := report.Gate(r, report.FailOn(c.FailOn)); gate {
	case monitor.GateFail:
		return &exitError{statusRegression, errors.New(sentence)}
	case monitor.GateNotJudged:
		return &exitError{statusNotJudged, fmt.Errorf("could not judge: run \"%s\" %s", report.Printable(r.Run), report.Printable(report.Unjudged(r)))}
	}
	return nil
}

// fetch asks the bridge for the report, until it gets one or the time is over.
func (c *checkCmd) fetch(ctx context.Context, m *Main) (*monitor.Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("no answer within %s", c.Timeout))
	defer cancel()
	return patiently(ctx, func(reason error) {
		most := c.Timeout
		if later, ok := errors.AsType[*laterError](reason); ok && later.refused {
			most = min(most, restartTime)
		}
		fmt.Fprintf(m.Stderr, "pymon-bridge: %v; asking again, for at most %s\n", reason, most)
	}, c.ask)
}

// ask asks once.
func (c *checkCmd) ask(ctx context.Context) (*monitor.Report, error) {
	request, err := c.request(ctx)
	if err != nil {
		return nil, err
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return nil, laterIfRestarting(err, unreachable(ctx, err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, laterIfBusy(response, refusal(response))
	}
	var r monitor.Report
	err = json.NewDecoder(response.Body).Decode(&r)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, unreachable(ctx, err)
	case err == nil && (r.Project == "" || r.Run == "" || r.Suite.Status.Severity() < 0):
		err = errors.New("it judges no run") // JSON of another service must not look like a run without regressions
	}
	if err != nil {
		err = fmt.Errorf("the answer of %s is not a report: %w", request.URL.Redacted(), err)
		if errors.Is(err, io.ErrUnexpectedEOF) { // the bridge ended before the answer did
			err = laterIfRestarting(err, err)
		}
		return nil, err
	}
	return &r, nil
}

// refusal returns the error of an answer that is not a report. The command follows no redirect: the token is for the given
// address only, and pytest's posts to that address would not follow either.
func refusal(response *http.Response) error {
	var body struct{ Message string }
	at := response.Request.URL.Redacted()
	if to, err := response.Location(); err == nil {
		return fmt.Errorf("%s redirects to %s (%s): expected the address of the bridge itself", at,
			(&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String(), response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil || body.Message == "" {
		return fmt.Errorf("%s answered %s: expected an answer of a bridge of version %s", at, response.Status, version)
	}
	return fmt.Errorf("%s (%s)", report.Printable(body.Message), response.Status)
}

// unreachable returns the error of a request without an answer. It hides the token that an address may have.
func unreachable(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) {
		return errors.New("stopped before there was an answer")
	} else if cause != nil {
		return cause
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		if u, parseErr := url.Parse(e.URL); parseErr == nil {
			e.URL = u.Redacted()
		}
	}
	return fmt.Errorf("the bridge cannot be reached: %w", err)
}

// request returns the request that the flags ask for.
func (c *checkCmd) request(ctx context.Context) (*http.Request, error) {
	u, err := c.base()
	if err != nil {
		return nil, err
	}
	user := u.User
	u.User = nil
	u = u.JoinPath("api", "v1", "regressions")
	query := url.Values{"format": {"json"}}
	if c.Head != "" {
		query.Set("head", c.Head)
	}
	if c.Branch != "" {
		query.Set("branch", c.Branch)
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
	u.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "pymon-bridge/"+version)
	password, hasPassword := user.Password()
	switch {
	case c.Token != "":
		request.Header.Set("Authorization", "Bearer "+c.Token)
	case hasPassword:
		request.SetBasicAuth(user.Username(), password)
	}
	return request, nil
}

// base returns the address above api/v1, with the project. It accepts every form of the address that pytest accepts.
func (c *checkCmd) base() (*url.URL, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("--url: expected an address such as http://127.0.0.1:8080/p/my-project")
	}
	u.RawQuery, u.Fragment = "", ""
	u.Path, u.RawPath = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1"), ""
	before, named, ok := strings.Cut(u.Path+"/", "/p/")
	named = strings.TrimSuffix(named, "/")
	switch {
	case c.Project == "" || ok && named == c.Project:
		return u, nil
	case !monitor.ValidProject(c.Project):
		return nil, errors.New("--project: expected 1 to 64 letters, digits, dots, underscores and hyphens")
	case ok:
		return nil, fmt.Errorf("--project: expected %q as in --url, or no --project", named)
	default:
		u.Path = strings.TrimRight(before, "/")
		return u.JoinPath("p", c.Project), nil
	}
}

// origin returns the address of the bridge for readers of the report, without project and token.
func (c *checkCmd) origin() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return ""
	}
	return origin(u)
}

// origin returns the address of the bridge from the address for pytest. It removes project, API and token.
func origin(u *url.URL) string {
	path, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1")+"/", "/p/")
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(path, "/")}).String()
}

// writeRerun writes arguments for pytest to the file. Without arguments it removes the file, because pytest would run all
// tests for an empty file.
func (c *checkCmd) writeRerun(lines []string) error {
	if c.RerunFile == "" {
		return nil
	}
	if at, err := os.Lstat(c.RerunFile); err == nil && at.IsDir() {
		return fmt.Errorf("--rerun-file: expected a file, but %s is a directory", c.RerunFile)
	}
	if len(lines) == 0 {
		if err := os.Remove(c.RerunFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
