package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/report"
)

// askFlags say whose measurements a command shows.
type askFlags struct {
	URL     string        `help:"Address of a bridge, as in pytest's --remote-server. Without it, the measurements that pymon-bridge run keeps here, else http://127.0.0.1:8080." placeholder:"URL" env:"PYMON_URL"`
	Token   string        `help:"Token of the project. It is safer in the environment variable, or in the file that PYMON_TOKEN_FILE names." placeholder:"TOKEN" env:"PYMON_TOKEN" file:""`
	Project string        `help:"Project, if the address names none." placeholder:"NAME" env:"PYMON_PROJECT"`
	Data    string        `help:"Directory in which pymon-bridge run keeps measurements. No server is needed." placeholder:"DIR"`
	JSON    bool          `name:"json" help:"Print one JSON object, for scripts."`
	Timeout time.Duration `help:"How long to wait for the answer." default:"1m" env:"PYMON_TIMEOUT"`
}

// source is a bridge that answers a command.
type source struct {
	client
	public  string // address of the bridge for people, if it told one
	noPages bool   // the bridge has no pages; known after the first answer
	seat    *seat  // nil where the bridge runs already
	wait    *spinner
	stop    context.CancelFunc
}

// open finds the bridge to ask. It starts one for a directory, which ends with the source.
func (f *askFlags) open(ctx context.Context, m *Main) (context.Context, *source, error) {
	if f.Data != "" && f.URL != "" && f.URL != os.Getenv("PYMON_URL") {
		return nil, nil, errors.New("--data and --url: expected only one of them")
	}
	dir, err := f.directory()
	if err != nil {
		return nil, nil, err
	}
	s := &source{client: client{f.URL, f.Token, f.Project}, wait: m.spin("asking the bridge")}
	ctx, s.stop = context.WithTimeoutCause(ctx, f.Timeout, fmt.Errorf("no answer within %s", f.Timeout))
	if dir != "" {
		i := &invocation{runCmd: &runCmd{Data: dir, Project: f.Project}, m: m}
		if err := i.open(ctx); err != nil {
			s.close()
			if strings.Contains(err.Error(), "is in use by another pymon-bridge") { // the bridge that did not start has said so
				err = fmt.Errorf("%w; to ask that bridge, give its address with --url, and no --data", err)
			}
			return nil, nil, err
		}
		s.client, s.seat = i.to, i.seat
		return ctx, s, nil
	}
	if s.URL == "" {
		s.URL = "http://127.0.0.1:8080"
	}
	u, err := s.base()
	if err != nil {
		s.close()
		return nil, nil, err
	}
	if _, password := u.User.Password(); s.Project == "" && s.Token == "" && !password && !strings.Contains(u.Path+"/", "/p/") {
		s.Project = monitor.DefaultProject // else the bridge would tell of all projects
	}
	return ctx, s, nil
}

// directory returns the directory with measurements to show, "" to ask a bridge that runs.
func (f *askFlags) directory() (string, error) {
	dir := f.Data
	if dir == "" {
		if f.URL != "" {
			return "", nil
		}
		here, err := os.Getwd()
		if err != nil {
			return "", nil
		}
		root, found := repositoryOf(here)
		if !found {
			root = here
		}
		dir = filepath.Join(root, defaultData)
	}
	_, err := os.Stat(filepath.Join(dir, "pymon.db"))
	switch {
	case err == nil:
		return dir, nil
	case f.Data != "":
		return "", fmt.Errorf("--data: expected a directory in which pymon-bridge run has kept measurements, but %s has none", dir)
	}
	return "", nil
}

// close ends what open has started.
func (s *source) close() {
	s.wait.end()
	s.stop()
	if s.seat != nil {
		(&invocation{seat: s.seat, m: &Main{Stderr: s.wait.w}}).close()
	}
}

// page returns the address that pages begin with. It is "" where the bridge ends with the command, and where it has no pages.
func (s *source) page() string {
	if s.seat != nil || s.noPages {
		return ""
	}
	return cmp.Or(s.public, s.origin())
}

// get asks a read route, and notes what the bridge tells of itself.
func (s *source) get(ctx context.Context, query url.Values, path ...string) (*http.Response, error) {
	response, err := s.client.get(ctx, query, path...)
	if err == nil {
		s.public, s.noPages = publicAddress(response.Header), !hasPages(response.Header)
	} else if s.Token == "" && strings.Contains(err.Error(), "a token is required") { // its words are for pytest
		return nil, errors.New("this bridge needs a token: set --token, PYMON_TOKEN or PYMON_TOKEN_FILE, or have the token in --url as its password")
	}
	return response, err
}

// lines calls use for each element of a list.
func (s *source) lines(ctx context.Context, use func(line []byte) error, path ...string) error {
	response, err := s.get(ctx, url.Values{"format": {"ndjson"}}, path...)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNoContent {
		return nil
	}
	return eachLine(response, use)
}

// runs returns the newest runs, the newest first: n of them, or up to so many as are on a page or two of the bridge. It fails
// where there is none.
func (s *source) runs(ctx context.Context, n int) (all []report.RunLine, raw []json.RawMessage, err error) {
	var known struct{ Count int64 }
	if err := s.read(ctx, &known, nil, "runs", "count"); err != nil {
		return nil, nil, err
	}
	if known.Count == 0 { // the bridge knows why
		err := s.read(ctx, &struct{}{}, url.Values{"format": {"json"}}, "regressions")
		return nil, nil, cmp.Or(err, errors.New("there are no runs"))
	}
	for page := -1; len(all) < n; page-- {
		var answer struct {
			Runs    []json.RawMessage
			PrevURL *string `json:"prev_url"`
		}
		if err := s.read(ctx, &answer, url.Values{"page": {fmt.Sprint(page)}}, "runs", ""); err != nil {
			return nil, nil, err
		}
		for i := len(answer.Runs) - 1; i >= 0 && len(all) < n; i-- {
			var run report.RunLine
			if err := json.Unmarshal(answer.Runs[i], &run); err != nil {
				return nil, nil, fmt.Errorf("the answer of the bridge is not a list of runs: %w", err)
			}
			all, raw = append(all, run), append(raw, answer.Runs[i])
		}
		if answer.PrevURL == nil || len(answer.Runs) == 0 {
			break
		}
	}
	if len(all) == 0 {
		return nil, nil, errors.New("the answer of the bridge has no runs, although it counts some")
	}
	return all, raw, nil
}

// read reads one JSON object.
func (s *source) read(ctx context.Context, into any, query url.Values, path ...string) error {
	response, err := s.get(ctx, query, path...)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return decode(ctx, response, into)
}

// tests calls use for each test of a run, as each session tells of it. The project's own plugin sends outcomes. The tests of other
// sessions have metrics only: they passed, after a number of attempts that is not known and is 0.
func (s *source) tests(ctx context.Context, run *report.RunLine, use func(*monitor.Outcome)) error {
	told := map[string]bool{}
	if len(run.Outcomes) > 0 {
		err := s.lines(ctx, func(line []byte) error {
			o, err := wire.DecodeOutcome(line)
			if err == nil {
				told[o.SessionH] = true
				use(o)
			}
			return err
		}, "runs", run.Run, "outcomes")
		if err != nil {
			return err
		}
	}
	for _, session := range run.Sessions {
		if told[session.SessionH] {
			continue
		}
		err := s.lines(ctx, func(line []byte) error {
			metric, _, err := wire.DecodeMetric(line)
			if err == nil && metric.Kind == monitor.KindFunction {
				use(&monitor.Outcome{Metric: *metric, NodeID: report.TestName(metric), Outcome: monitor.Passed})
			}
			return err
		}, "sessions", session.SessionH, "metrics")
		if err != nil {
			return err
		}
	}
	return nil
}

// printJSON prints one object.
func (m *Main) printJSON(v any) error {
	e := json.NewEncoder(m.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
