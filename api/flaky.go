package api

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// lastRuns is how many runs flaky tests are looked for in, unless the query says it.
const lastRuns = 100

// maxLastRuns is how many runs a query can ask for. Of 1,000 runs of 5,000 tests it reads five million outcomes.
const maxLastRuns = 1000

func (a *API) flakyRoutes() []route {
	query := []string{"last", "since", "of_branch"}
	return []route{
		{path: "/tests/flaky/", summary: "Tests that passed and failed on one commit, or passed at a later attempt only, and how often they pass",
			answer: "FlakyTests", query: append(query, listQuery...), handle: handler(func(c *gin.Context) error {
				l, err := a.flaky(c)
				if err != nil {
					return err
				}
				return answerList(c, a.PageSize, l)
			})},
		{path: "/tests/flaky/count", summary: "Number of flaky tests", answer: "Count", query: query, handle: handler(func(c *gin.Context) error {
			l, err := a.flaky(c)
			if err != nil {
				return err
			}
			return answerCount(c, l)
		})},
	}
}

func (a *API) flaky(c *gin.Context) (l list[*monitor.FlakyTest], err error) {
	q, err := flakyQuery(httpd.ReadProject(c), c.Request.URL.Query())
	if err != nil {
		return l, err
	}
	l = newList("tests", q, a.parts.Store.FlakyTests, a.parts.Store.CountFlakyTests, appendFlaky, flakyTable())
	l.nullLinks = true
	return l, nil
}

// flakyQuery reads the parameters of a query. Without since it looks at the last runs only.
func flakyQuery(project string, query url.Values) (monitor.FlakyQuery, error) {
	q := monitor.FlakyQuery{Project: project}
	wrong := map[string]string{}
	if query.Has("branch") {
		branch := query.Get("branch")
		q.Branch = &branch
	}
	if query.Has("since") {
		since, err := monitor.ParseTime(query.Get("since"))
		if err != nil {
			wrong["since"] = err.Error()
		}
		q.Since = since.At(since.Offset).UTC
	}
	if query.Has("last") {
		var err error
		if q.Last, err = strconv.ParseInt(query.Get("last"), 10, 64); err != nil || q.Last < 1 || q.Last > maxLastRuns {
			wrong["last"] = fmt.Sprintf("expected a number of runs, from 1 to %d", maxLastRuns)
		}
	} else if !query.Has("since") {
		q.Last = lastRuns
	}
	if len(wrong) > 0 {
		return q, &monitor.Error{Code: monitor.EInvalid, Message: "invalid query", Fields: wrong}
	}
	return q, nil
}

// appendFlaky appends a flaky test as one JSON object.
func appendFlaky(dst []byte, t *monitor.FlakyTest) []byte {
	dst = append(dst, '{')
	for _, m := range flakyTexts(t) {
		dst = appendMember(dst, m)
	}
	for _, n := range [...]struct {
		name string
		n    int64
	}{{"runs", t.Runs}, {"passed", t.Passed}, {"failed", t.Failed}, {"retried", t.Retried}} {
		dst = append(strconv.AppendInt(append(wire.AppendText(dst, n.name), ':'), n.n, 10), ',')
	}
	return append(wire.AppendNumber(append(dst, `"pass_rate":`...), t.PassRate()), '}')
}

// flakyTexts returns the members with texts.
func flakyTexts(t *monitor.FlakyTest) []member {
	o := t.Seen
	return []member{{"project", t.Project}, {"component", o.Component}, {"item_path", o.ItemPath}, {"item", o.Item},
		{"item_variant", o.ItemVariant}, {"nodeid", o.NodeID}, {"last_seen", zoned(o.At)}, {"outcome", o.Outcome},
		{"run", t.Run}, {"scm_ref", t.ScmRef}}
}

func flakyTable() *table[*monitor.FlakyTest] {
	header := []string{}
	for _, m := range flakyTexts(&monitor.FlakyTest{Seen: &monitor.Outcome{}}) {
		header = append(header, m.name)
	}
	return &table[*monitor.FlakyTest]{
		header: append(header, "runs", "passed", "failed", "retried", "pass_rate"),
		row: func(r *row, t *monitor.FlakyTest) {
			for _, m := range flakyTexts(t) {
				r.text(m.text)
			}
			for _, n := range [...]int64{t.Runs, t.Passed, t.Failed, t.Retried} {
				r.integer(n)
			}
			r.number(t.PassRate())
		},
	}
}
