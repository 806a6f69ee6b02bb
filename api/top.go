package api

import (
	"context"
	"iter"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// How many metrics the lists of the greatest and least consumers have.
const (
	defaultTop = 10
	maxTop     = 500
)

// resources are what metrics can be ordered by.
var resources = map[string]monitor.Measurement{"memory": monitor.MemUsage, "cpu": monitor.CPUUsage,
	"kernel_time": monitor.KernelTime, "user_time": monitor.UserTime, "total_time": monitor.TotalTime}

// topRoutes list the greatest and least consumers of a resource, of all metrics or of those that a path names.
func (a *API) topRoutes() (routes []route) {
	pipeline := condition{monitor.FieldPipeline, monitor.Equals, "pipeline"}
	for _, scope := range []struct {
		path, summary string
		where         []condition
	}{
		{"", "", nil},
		{"/components/:component", " in a component", []condition{{monitor.FieldComponent, monitor.Equals, "component"}}},
		{"/pipelines/:pipeline", " in a pipeline", []condition{pipeline}},
		{"/pipelines/:pipeline/builds/:build", " in a build of a pipeline",
			[]condition{pipeline, {monitor.FieldPipelineBuild, monitor.Equals, "build"}}},
	} {
		for _, end := range []struct {
			name, summary string
			smallest      bool
		}{{"head", "Greatest consumers", false}, {"tail", "Least consumers", true}} {
			handle := handler(func(c *gin.Context) error { return a.answerTop(c, scope.where, end.smallest) })
			for _, n := range []string{"", "/:n"} {
				routes = append(routes, route{path: "/resources/:resource" + scope.path + "/" + end.name + n + "/metrics",
					summary: end.summary + scope.summary, answer: "TopMetrics", query: []string{"format"}, handle: handle})
			}
		}
	}
	return routes
}

// answerTop answers with the first or last metrics in the order of a resource.
func (a *API) answerTop(c *gin.Context, where []condition, smallest bool) error {
	of, ok := resources[c.Param("resource")]
	if !ok {
		return monitor.Errorf(monitor.ENotFound, "no such resource: there are memory, cpu, kernel_time, user_time and total_time")
	}
	n, err := topCount(c.Param("n"))
	if err != nil {
		return err
	}
	q := metricQuery(c, where)
	q.Top = &monitor.Top{Of: of, Smallest: smallest}
	l := a.metrics(q)
	l.nullLinks = true
	if n == 0 {
		l.rows = func(context.Context, monitor.Page) iter.Seq2[*monitor.Metric, error] {
			return func(func(*monitor.Metric, error) bool) {}
		}
	}
	return answerPart(c, l, monitor.Page{Limit: n})
}

// topCount reads how many metrics are wanted. Text that is not a number is not found.
func topCount(text string) (int64, error) {
	if text == "" {
		return defaultTop, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	switch {
	case n > maxTop: // also for a number that does not fit
		return 0, &monitor.Error{Code: monitor.EInvalid, Message: "too many metrics asked for",
			Fields: map[string]string{"n": "expected at most " + strconv.Itoa(maxTop)}}
	case err != nil:
		return 0, monitor.Errorf(monitor.ENotFound, "expected a number of metrics, got %q", text)
	}
	return int64(n), nil
}
