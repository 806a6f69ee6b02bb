package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"pymon-bridge/grafana"
	"pymon-bridge/test/harness"
)

// patience is how long a query may take: as long as Grafana waits by default.
const patience = 30 * time.Second

// dashboard has the parts of Grafana's JSON that hold queries.
type dashboard struct {
	UID, Title string
	Panels     []struct {
		Title   string
		Targets []struct{ Query string }
	}
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
}

func dashboards() (all []dashboard, err error) {
	names, err := fs.Glob(grafana.Dashboards, "dashboards/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		content, err := grafana.Dashboards.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var d dashboard
		if err := json.Unmarshal(content, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if d.UID != "pymon-bridge-state" { // its data are in Prometheus
			all = append(all, d)
		}
	}
	return all, nil
}

// span is a range of time that a dashboard shows.
type span struct {
	title    string
	from, to time.Time
}

// spans are the last 30 days, and all of them.
func spans(days int) []span {
	end := firstDay.AddDate(0, 0, days)
	return []span{{"30 days", end.AddDate(0, 0, -30), end}, {fmt.Sprintf("%d days", days), firstDay, end}}
}

// cost is what the queries of a dashboard take, one after the other.
type cost struct {
	title        string
	queries      int
	all, slowest time.Duration
	which        string // the slowest one
	unanswered   int    // not answered in time
	firstProblem error
}

// ask runs a query and returns how long the whole answer took.
func ask(influx *harness.Influx, flux string) (took time.Duration, err error) {
	body, err := json.Marshal(map[string]any{"query": flux, "type": "flux", "dialect": map[string]any{"header": true}})
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, influx.URL+"/api/v2/query?org="+url.QueryEscape(influx.Org), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Token "+influx.Token)
	begin := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return time.Since(begin), err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(",error,reference"))) {
		err = fmt.Errorf("%s %.500s", resp.Status, answer)
	}
	return time.Since(begin), err
}

// chosen are the values of the variables: the last run of the main branch on its class of machine, compared with the run before.
func chosen(c *counts, class string) map[string][]string {
	test := c.last.example()
	return map[string][]string{"project": {project}, "env": {class}, "component": nil, "branch": nil, "kind": {"function"}, "search": {""},
		"run": {c.last.id}, "base": {c.before.id}, "test": {test.variant}, "module": {test.path},
		"status": {"regression", "suspect", "improvement"}, "metric": {"cpu_time", "mem_usage", "total_time"}, "commit_url": {""}, "bridge_url": {""}}
}

// askDashboards runs every query of every dashboard.
func askDashboards(influx *harness.Influx, bucket string, s span, values map[string][]string) (all []cost, err error) {
	boards, err := dashboards()
	if err != nil {
		return nil, err
	}
	for _, d := range boards {
		c := cost{title: d.Title}
		one := func(title, query string) {
			c.queries++
			took, err := ask(influx, harness.FillQuery(query, bucket, s.from, s.to, values))
			if err != nil {
				c.unanswered++
				c.firstProblem = errors.Join(c.firstProblem, fmt.Errorf("%s: %w", title, err))
			}
			if c.all += took; took > c.slowest {
				c.slowest, c.which = took, title
			}
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				one("variable "+v.Name, v.Query)
			}
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				one(p.Title, target.Query)
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// question is one that both schemas can answer.
type question struct {
	title       string
	ours, naive string // Flux
}

// questions are what people ask of either schema.
func questions(c *counts) []question {
	test := c.last.example()
	from := `from(bucket: v.defaultBucket) |> range(start: v.timeRangeStart, stop: v.timeRangeStop) |> filter(fn: (r) => r._measurement == `
	seconds := ` and r._field == "total_time"`
	one := fmt.Sprintf(` and r.item_path == %q and r.item_variant == %q)`, test.path, test.variant)
	names := `import "influxdata/influxdb/schema"
schema.tagValues(bucket: v.defaultBucket, tag: "item_variant", start: v.timeRangeStart, stop: v.timeRangeStop, predicate: (r) => r._measurement == "test_metrics")`
	return []question{
		{"which tests there are", names, names},
		{"the wall time of one test", from + `"test_metrics"` + seconds + one, from + `"test_metrics"` + seconds + one + ` |> group() |> sort(columns: ["_time"])`},
		{"the ten slowest tests", from + `"test_metrics"` + seconds + `) |> mean() |> group() |> top(n: 10)`,
			from + `"test_metrics"` + seconds + `) |> group(columns: ["item_path", "item_variant"]) |> mean() |> group() |> top(n: 10)`},
		{"the wall time of each run", from + `"machines"` + seconds + `) |> group() |> sort(columns: ["_time"])`,
			from + `"test_metrics"` + seconds + `) |> group(columns: ["session_h"]) |> sum() |> group()`},
	}
}

// answer is how long a question took, in each span.
type answer struct {
	took    []time.Duration
	problem []error
}

// answers asks the questions of one schema.
func answers(influx *harness.Influx, bucket string, flux []string, all []span) (list []answer) {
	for _, query := range flux {
		var a answer
		for _, s := range all {
			took, err := ask(influx, harness.FillQuery(query, bucket, s.from, s.to, nil))
			a.took, a.problem = append(a.took, took), append(a.problem, err)
		}
		list = append(list, a)
	}
	return list
}
