package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"time"

	"pymon-bridge/test/harness"
)

// timed is something that was asked, and how long the answer took.
type timed struct {
	what string
	took time.Duration // the median
}

// times is how often each question is asked. The first answer counts too.
const times = 5

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// reads asks a bridge for pages and reports about the last run of the main branch.
func reads(bridge *harness.Bridge, program string, c *counts) (all []timed, err error) {
	r, test := c.last, c.last.example()
	name := url.Values{"component": {test.component}, "path": {test.path}, "name": {test.variant}}.Encode()
	base := bridge.URL + "/p/" + project + "/"
	for _, page := range []struct{ what, path string }{
		{"page: overview", ""}, {"page: runs", "runs"}, {"page: the last run", "runs/" + url.PathEscape(r.id)},
		{"page: a test", "test?" + name}, {"page: tests", "tests"}, {"page: regressions", "regressions"},
		{"report, kept", "api/v1/regressions?run=" + url.QueryEscape(r.id)},
		{"report, judged anew", "api/v1/regressions?all=true&run=" + url.QueryEscape(r.id)},
	} {
		took, err := repeat(func() error { return get(base + page.path) })
		if err != nil {
			return nil, err
		}
		all = append(all, timed{page.what, took})
	}
	took, err := repeat(func() error {
		out, err := exec.Command(program, "check", "--url", bridge.URL, "--project", project, "--run", r.id).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) { // 1: something is slower
			return fmt.Errorf("check: %w %s", err, out)
		}
		return nil
	})
	return append(all, timed{"pymon-bridge check", took}), err
}

func repeat(do func() error) (time.Duration, error) {
	var took []time.Duration
	for range times {
		begin := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begin))
	}
	return median(took), nil
}

func get(address string) error {
	resp, err := http.Get(address)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // everything is read
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s %.500s", address, resp.Status, answer)
	}
	return err
}
