package api

import (
	"context"
	"errors"
	"iter"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// Number of metrics in the lists of the highest and lowest users of a resource.
const (
	defaultTop = 10
	maxTop     = 500
)

// resources maps the path parameter "resource" to the measurement that orders the metrics.
var resources = map[string]monitor.Measurement{"memory": monitor.MemUsage, "cpu": monitor.CPUUsage,
	"kernel_time": monitor.KernelTime, "user_time": monitor.UserTime, "total_time": monitor.TotalTime}

// topRoutes returns the routes for the metrics with the highest or lowest use of a resource.
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
		}{{"head", "Metrics with the highest use of a resource", false},
			{"tail", "Metrics with the lowest use of a resource", true}} {
			handle := handler(func(c *gin.Context) error { return a.answerTop(c, scope.where, end.smallest) })
			for _, n := range []string{"", "/:n"} {
				routes = append(routes, route{path: "/resources/:resource" + scope.path + "/" + end.name + n + "/metrics",
					summary: end.summary + scope.summary, answer: "TopMetrics", query: []string{"format"}, handle: handle})
			}
		}
	}
	return routes
}

// answerTop answers with the metrics with the highest or lowest use of a resource.
func (a *API) answerTop(c *gin.Context, where []condition, smallest bool) error {
	of, ok := resources[c.Param("resource")]
	if !ok {
		return monitor.Errorf(monitor.ENotFound, "no such resource: expected memory, cpu, kernel_time, user_time or total_time")
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

// topCount parses the number of metrics in the path. A number above maxTop counts as maxTop. It fails with ENotFound if text
// is not a number.
func topCount(text string) (int64, error) {
	if text == "" {
		return defaultTop, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, monitor.Errorf(monitor.ENotFound, "expected a number of metrics, got %q", text)
	}
	return int64(min(n, maxTop)), nil
}
