package api

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// How many metrics the lists of the greatest and least consumers have.
const (
	defaultTop = 10
	maxTop     = 500
)

// topRoutes are the greatest and least consumers of a resource, everywhere and within what a path names.
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

// answerTop answers with the metrics at one end of the order by a resource.
func (a *API) answerTop(c *gin.Context, where []condition, smallest bool) error {
	of, ok := resource(c.Param("resource"))
	if !ok {
		return monitor.Errorf(monitor.ENotFound, "no such resource: there are memory, cpu, kernel_time, user_time and total_time")
	}
	n, err := topCount(c.Param("n"))
	if err != nil {
		return err
	}
	q := a.metricQuery(c, where)
	q.Top = &monitor.Top{Of: of, Smallest: smallest}
	l := a.metrics(q)
	l.style = whole
	return answerFirst(c, n, l)
}

func resource(name string) (monitor.Measurement, bool) {
	switch name {
	case "memory":
		return monitor.MemUsage, true
	case "cpu":
		return monitor.CPUUsage, true
	case "kernel_time":
		return monitor.KernelTime, true
	case "user_time":
		return monitor.UserTime, true
	case "total_time":
		return monitor.TotalTime, true
	}
	return 0, false
}

// topCount reads how many are wanted. What is no number names no route.
func topCount(text string) (int64, error) {
	if text == "" {
		return defaultTop, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	switch {
	case err == nil && n <= maxTop:
		return int64(n), nil
	case digits(text):
		return 0, &monitor.Error{Code: monitor.EInvalid, Message: "too many metrics asked for",
			Fields: map[string]string{"n": "expected at most " + strconv.Itoa(maxTop)}}
	default:
		return 0, monitor.Errorf(monitor.ENotFound, "expected a number of metrics, got %q", text)
	}
}

func digits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}
