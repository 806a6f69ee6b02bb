package api

import (
	"context"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// condition is a match whose text is a path parameter, or the empty text where none is named.
type condition struct {
	field monitor.Field
	how   monitor.How
	param string
}

// metricList is a list of metrics. Where it is counted there is also a route for its number.
type metricList struct {
	path, summary string
	counted       bool
	where         []condition
}

// metricLists are the lists of metrics. Those that are not counted are not counted at the reference server either.
func metricLists() []metricList {
	const equals, prefix, contains = monitor.Equals, monitor.HasPrefix, monitor.Contains
	item := condition{monitor.FieldItem, equals, "item"}
	variant := condition{monitor.FieldItemVariant, equals, "variant"}
	component := condition{monitor.FieldComponent, equals, "component"}
	none := condition{monitor.FieldComponent, equals, ""}
	return []metricList{
		{"/metrics/", "All metrics", true, nil},
		{"/items/:item/metrics", "Metrics of an item", true, []condition{item}},
		{"/items/like/:text/metrics", "Metrics of items whose name contains a text", false,
			[]condition{{monitor.FieldItem, contains, "text"}}},
		{"/variants/:variant/metrics", "Metrics of a variant", true, []condition{variant}},
		{"/variants/like/:text/metrics", "Metrics of variants whose name contains a text", false,
			[]condition{{monitor.FieldItemVariant, contains, "text"}}},
		{"/filters/scope/:kind/metrics", "Metrics of a kind", true, []condition{{monitor.FieldKind, equals, "kind"}}},
		{"/filters/scm/:ref/metrics", "Metrics of commits that begin with a text", true,
			[]condition{{monitor.FieldScmRef, prefix, "ref"}}},
		{"/sessions/:h/metrics", "Metrics of a session", true, []condition{{monitor.FieldSessionH, equals, "h"}}},
		{"/contexts/:h/metrics", "Metrics of a context", true, []condition{{monitor.FieldContextH, equals, "h"}}},
		{"/components/:component/metrics", "Metrics of a component", false, []condition{component}},
		{"/components/metrics", "Metrics without a component", false, []condition{none}},
		{"/components/:component/items/:item/metrics", "Metrics of an item of a component", false,
			[]condition{component, item}},
		{"/components/items/:item/metrics", "Metrics of an item without a component", false, []condition{none, item}},
		{"/components/:component/variants/:variant/metrics", "Metrics of a variant of a component", false,
			[]condition{component, variant}},
		{"/components/variants/:variant/metrics", "Metrics of a variant without a component", false,
			[]condition{none, variant}},
	}
}

func (a *API) metricRoutes() (routes []route) {
	for _, l := range metricLists() {
		question := func(c *gin.Context) list[*monitor.Metric] { return a.metrics(metricQuery(c, l.where)) }
		routes = append(routes, listRoute(a, l.path, l.summary, "Metrics", listQuery, question))
		if l.counted {
			routes = append(routes, countRoute(strings.TrimSuffix(l.path, "/")+"/count", "Number of: "+l.summary, question))
		}
	}
	return routes
}

// metricQuery is the question of a request.
func metricQuery(c *gin.Context, where []condition) monitor.MetricQuery {
	q := monitor.MetricQuery{Project: httpd.ReadProject(c)}
	for _, w := range where {
		q.Where = append(q.Where, monitor.Match{Field: w.field, How: w.how, Text: c.Param(w.param)})
	}
	return q
}

// metrics is the list that answers a question.
func (a *API) metrics(q monitor.MetricQuery) list[*monitor.Metric] {
	l := newList("metrics", q, a.parts.Store.Metrics, a.parts.Store.CountMetrics, wire.AppendMetric, metricTable())
	l.vacuous = func(ctx context.Context) (bool, error) { return a.noSuchCommit(ctx, q) }
	return l
}

// noSuchCommit says whether metrics were asked for by a commit that no session has. The reference server then answers
// 204 for every page.
func (a *API) noSuchCommit(ctx context.Context, q monitor.MetricQuery) (bool, error) {
	for _, m := range q.Where {
		if m.Field == monitor.FieldScmRef {
			n, err := a.parts.Store.CountSessions(ctx, monitor.SessionQuery{Project: q.Project, ScmRef: &m})
			return n == 0, err
		}
	}
	return false, nil
}
