package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/report"
	"pymon-bridge/sqlite"
)

// askFlags say whose measurements a command shows.
type askFlags struct {
	URL     string   `help:"Address of a bridge, as in pytest's --remote-server. Without it, the measurements that pymon-bridge run keeps here, else http://127.0.0.1:8080." placeholder:"URL" env:"PYMON_URL"`
	Token   string   `help:"Token of the project. It is safer in the environment variable, or in the file that PYMON_TOKEN_FILE names." placeholder:"TOKEN" env:"PYMON_TOKEN" file:"" type:"secret"`
	Project string   `help:"Project, if the address names none." placeholder:"NAME" env:"PYMON_PROJECT"`
	Data    string   `help:"Directory in which pymon-bridge run keeps measurements. No server is needed." placeholder:"DIR"`
	JSON    bool     `name:"json" help:"Print one JSON object, for scripts."`
	Timeout patience `help:"How long to wait for the answer." default:"1m" env:"PYMON_TIMEOUT"`
}

// defaultURL is the bridge that commands ask where nothing names one.
const defaultURL = "http://127.0.0.1:8080"

// source is a bridge that answers a command.
type source struct {
	client
	public string // address of the bridge for people, if it told one
	seat   *seat  // nil where the bridge runs already
	m      *Main
	wait   *spinner
	stop   context.CancelFunc
}

// open finds the bridge to ask. It starts one for a directory, which ends with the source.
func (f *askFlags) open(ctx context.Context, m *Main) (context.Context, *source, error) {
	dir, err := f.directory()
	if err != nil {
		return nil, nil, err
	}
	s := &source{client: client{f.URL, f.Token, f.Project}, m: m, wait: m.spin("asking the bridge")}
	ctx, s.stop = context.WithTimeoutCause(ctx, time.Duration(f.Timeout), fmt.Errorf("no answer within %s", f.Timeout))
	if dir != "" {
		if s.seat, s.client, err = openKept(ctx, dir, f.Project); err != nil {
			s.close()
			return nil, nil, err
		}
		return ctx, s, nil
	}
	s.URL = cmp.Or(s.URL, defaultURL)
	u, err := s.base()
	if err != nil {
		s.close()
		return nil, nil, err
	}
	if s.Project == "" && !s.hasToken() && !strings.Contains(u.Path+"/", "/p/") {
		s.Project = monitor.DefaultProject // else the bridge would tell of all projects
	}
	return ctx, s, nil
}

// openKept starts a bridge for a directory with measurements.
func openKept(ctx context.Context, dir, project string) (*seat, client, error) {
	seat, to, err := openSeat(ctx, dir, cmp.Or(project, monitor.DefaultProject), influxFlags{})
	if err != nil && strings.Contains(err.Error(), "is in use by another pymon-bridge") { // the bridge that did not start has said so
		err = fmt.Errorf("%w; to ask that bridge, give its address with --url instead of the directory", err)
	}
	return seat, to, err
}

// directory returns the directory with measurements to show, "" to ask a bridge that runs.
func (f *askFlags) directory() (string, error) {
	if f.Data != "" && f.URL != "" && f.URL != os.Getenv("PYMON_URL") {
		return "", errors.New("--data and --url: expected only one of them")
	}
	dir, err := f.Data, error(nil)
	if dir == "" && f.URL == "" {
		dir, err = defaultDirectory()
	}
	if err == nil && dir != "" {
		_, err = os.Stat(filepath.Join(dir, sqlite.FileName))
	}
	switch {
	case err == nil:
		return dir, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("--data: %w", err)
	case f.Data != "":
		return "", fmt.Errorf("--data: expected a directory in which pymon-bridge run has kept measurements, but %s has none", dir)
	}
	return "", nil
}

// close ends what open has started.
func (s *source) close() {
	s.wait.end()
	s.stop()
	s.leave()
}

// leave ends the bridge that was started for a directory.
func (s *source) leave() {
	if s.seat != nil {
		if err := s.seat.close(); err != nil {
			s.m.say("%v", err)
		}
	}
}

// page returns the address that pages begin with. It is "" where the bridge ends with the command.
func (s *source) page() string {
	if s.seat != nil {
		return ""
	}
	return cmp.Or(s.public, s.origin())
}

// get asks a read route, and notes the address that the bridge tells.
func (s *source) get(ctx context.Context, query url.Values, path ...string) (*http.Response, error) {
	response, err := s.client.get(ctx, query, path...)
	if err == nil {
		s.public = publicAddress(response.Header)
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
	return eachLine(response, use)
}

// maxLine is the longest line of a list, in bytes. The texts of a record are shorter than a body of a request may be.
const maxLine = 16 << 20

// eachLine calls use for each line of a list.
func eachLine(response *http.Response, use func(line []byte) error) error {
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if err := use(lines.Bytes()); err != nil {
			return fmt.Errorf("the answer of %s is not the list that was asked for: %w", shown(response.Request.URL), err)
		}
	}
	return lines.Err()
}

func (s *source) run(ctx context.Context, id string) (*report.RunLine, error) {
	run := &report.RunLine{}
	err := s.lines(ctx, func(line []byte) error { return json.Unmarshal(line, run) }, "runs", id)
	return run, err
}

// haveRuns fails where the project has no runs, or is not known.
func (s *source) haveRuns(ctx context.Context) error {
	var known struct{ Count int64 }
	if err := s.read(ctx, &known, nil, "runs", "count"); err != nil || known.Count > 0 {
		return err
	}
	err := s.read(ctx, &struct{}{}, url.Values{"format": {"json"}}, "regressions") // the bridge knows why
	return cmp.Or(err, errors.New("there are no runs"))
}

// runs returns the newest runs, the newest first: n of them, or up to so many as are on a page or two of the bridge. It fails
// where there is none.
func (s *source) runs(ctx context.Context, n int) (all []report.RunLine, raw []json.RawMessage, err error) {
	if err := s.haveRuns(ctx); err != nil {
		return nil, nil, err
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

func (s *source) read(ctx context.Context, into any, query url.Values, path ...string) error {
	response, err := s.get(ctx, query, path...)
	if err != nil {
		return err
	}
	return decode(ctx, response, into)
}

// tests calls use for each test of a run, as each session tells of it. The project's own plugin sends outcomes. The tests of other
// sessions have metrics only: they passed, after a number of attempts that is not known and is 0.
func (s *source) tests(ctx context.Context, run *report.RunLine, use func(*monitor.Outcome)) error {
	if !run.Measured() {
		return nil
	}
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

func (m *Main) printJSON(v any) error {
	e := json.NewEncoder(m.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
