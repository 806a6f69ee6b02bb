package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

func (a *API) runRoutes() []route {
	runs := func(path, summary string) route {
		return route{path: path, summary: summary, answer: "Runs", query: listQuery,
			handle: handler(func(c *gin.Context) error { return answerList(c, a.PageSize, a.runs(c)) })}
	}
	return []route{
		runs("/runs/", "All runs: the sessions of each run, and the sums of their metrics"),
		runs("/runs/:run", "The run with this id"),
		countRoute("/runs/count", "Number of runs", a.runs),
		{path: "/runs/:run/report", summary: "The report that was kept when the run had ended. Nothing is judged", answer: "Report",
			query: []string{"project", "result_variant"}, handle: handler(a.answerKept)},
	}
}

// answerKept answers with the kept report on a run: its results are the conspicuous ones.
func (a *API) answerKept(c *gin.Context) error {
	project, err := a.askedProject(c)
	if err != nil {
		return err
	}
	printer, err := a.parts.Printer(url.Values{"all": {"true"}, "item_variant": {c.Query("item_variant")}}, a.server.PagesURL(c))
	if err != nil {
		return err
	}
	report, err := a.parts.Reports.Report(c.Request.Context(), project, c.Param("run"))
	if err != nil {
		return err
	}
	return answerReport(c, printer, report)
}

// runs returns the runs for a request. The path may have the id of a run.
func (a *API) runs(c *gin.Context) list[*monitor.Run] {
	q := monitor.RunQuery{Project: httpd.ReadProject(c), Run: c.Param("run")}
	l := newList("runs", q, a.parts.Store.Runs, a.parts.Store.CountRuns, appendRun, runTable())
	l.nullLinks = true
	return l
}

// firstOf returns the first session of a run. It has the commit, branch and build of the run.
func firstOf(r *monitor.Run) *monitor.Session {
	if len(r.Sessions) == 0 {
		return &monitor.Session{ScmRef: monitor.Text{Null: true}}
	}
	return r.Sessions[0]
}

// appendRun appends a run as one JSON object. The tags are the tags of all sessions.
func appendRun(dst []byte, r *monitor.Run) []byte {
	first := firstOf(r)
	dst = wire.AppendText(append(dst, `{"project":`...), r.Project)
	dst = wire.AppendText(append(dst, `,"run":`...), r.ID)
	dst = wire.AppendNullable(append(dst, `,"scm_ref":`...), first.ScmRef)
	dst = wire.AppendText(append(dst, `,"branch":`...), first.Branch)
	dst = wire.AppendText(append(dst, `,"build":`...), first.Build)
	dst = wire.AppendTags(append(dst, `,"tags":`...), tagsOf(r.Sessions))
	dst = appendArray(append(dst, `,"environments":`...), r.Environments, wire.AppendText)
	dst = appendArray(append(dst, `,"sessions":`...), r.Sessions, wire.AppendSession)
	dst = strconv.AppendInt(append(dst, `,"tests":`...), r.Tests, 10)
	dst = strconv.AppendInt(append(dst, `,"modules":`...), r.Modules, 10)
	dst = wire.AppendNumber(append(dst, `,"total_time":`...), r.TotalTime)
	dst = wire.AppendNumber(append(dst, `,"user_time":`...), r.UserTime)
	dst = wire.AppendNumber(append(dst, `,"kernel_time":`...), r.KernelTime)
	dst = appendOutcomes(append(dst, `,"outcomes":`...), r.Outcomes)
	end := endOf(r)
	dst = wire.AppendNullable(append(dst, `,"completion":`...), known(string(end.Completion)))
	dst = wire.AppendNullable(append(dst, `,"partial":`...), known(end.Partial))
	dst = appendBrief(append(dst, `,"report":`...), r.Report)
	dst = wire.AppendText(append(dst, `,"started":`...), zoned(r.Started))
	dst = wire.AppendText(append(dst, `,"ended":`...), zoned(r.Ended))
	return append(dst, '}')
}

// appendOutcomes appends the number of tests with each outcome, or null where nothing is known of outcomes.
func appendOutcomes(dst []byte, n map[string]int64) []byte {
	if n == nil {
		return append(dst, "null"...)
	}
	for i, outcome := range monitor.Outcomes {
		dst = append(dst, "{,"[min(i, 1)])
		dst = strconv.AppendInt(append(wire.AppendText(dst, outcome), ':'), n[outcome], 10)
	}
	return append(dst, '}')
}

// appendBrief appends what the kept report on a run says, or null.
func appendBrief(dst []byte, b *monitor.Brief) []byte {
	text, err := json.Marshal(b)
	if err != nil { // its texts and numbers have JSON
		return append(dst, "null"...)
	}
	return append(dst, text...)
}

// endOf returns how the sessions of a run ended.
func endOf(r *monitor.Run) (end monitor.RunEnd) {
	for _, s := range r.Sessions {
		end.Add(s)
	}
	return end
}

// known returns a text that is null when it is empty.
func known(s string) monitor.Text { return monitor.Text{String: s, Null: s == ""} }

// tagsOf returns the tags of sessions without repeats, in the order of the sessions.
func tagsOf(sessions []*monitor.Session) (tags []monitor.Tag) {
	for _, s := range sessions {
		for _, tag := range s.Tags {
			if !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
	}
	return tags
}

func appendArray[T any](dst []byte, all []T, one func(dst []byte, v T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, v)
	}
	return append(dst, ']')
}

// zoned returns an instant as ISO 8601, with the client's offset from UTC.
func zoned(i monitor.Instant) string {
	return i.Time().In(time.FixedZone("", int(i.Offset))).Format("2006-01-02T15:04:05.000000-07:00")
}
