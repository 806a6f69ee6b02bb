package api

import (
	"context"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// condition compares a field of a metric or an outcome with a path parameter.
type condition struct {
	field monitor.Field
	how   monitor.How
	param string // "" compares with the empty text
}

// filtered is a route for a list of metrics or outcomes.
type filtered struct {
	path, summary string
	counted       bool // there is also a route for the number of elements
	where         []condition
}

// metricLists returns the routes for lists of metrics. Only lists that the reference server counts are counted.
func metricLists() []filtered {
	const equals, prefix, contains = monitor.Equals, monitor.HasPrefix, monitor.Contains
	item := condition{monitor.FieldItem, equals, "item"}
	variant := condition{monitor.FieldItemVariant, equals, "variant"}
	component := condition{monitor.FieldComponent, equals, "component"}
	none := condition{monitor.FieldComponent, equals, ""}
	return []filtered{
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

func (a *API) metricRoutes() []route {
	return filteredRoutes(a, metricLists(), "Metrics", listQuery, func(c *gin.Context, where []condition) list[*monitor.Metric] {
		return a.metrics(metricQuery(c, where))
	})
}

// filteredRoutes returns the routes for lists. listOf returns the list for a request.
func filteredRoutes[T any](a *API, lists []filtered, answer string, query []string,
	listOf func(c *gin.Context, where []condition) list[T]) (routes []route) {
	for _, l := range lists {
		of := func(c *gin.Context) list[T] { return listOf(c, l.where) }
		routes = append(routes, listRoute(a, l.path, l.summary, answer, query, of))
		if l.counted {
			summary := "Number of " + strings.ToLower(l.summary)
			routes = append(routes, countRoute(strings.TrimSuffix(l.path, "/")+"/count", summary, of))
		}
	}
	return routes
}

func metricQuery(c *gin.Context, where []condition) monitor.MetricQuery {
	return monitor.MetricQuery{Project: httpd.ReadProject(c), Where: matches(c, where)}
}

// matches fills conditions with the path parameters of a request.
func matches(c *gin.Context, where []condition) (all []monitor.Match) {
	for _, w := range where {
		all = append(all, monitor.Match{Field: w.field, How: w.how, Text: c.Param(w.param)})
	}
	return all
}

func (a *API) metrics(q monitor.MetricQuery) list[*monitor.Metric] {
	l := newList("metrics", q, a.parts.Store.Metrics, a.parts.Store.CountMetrics, wire.AppendMetric, metricTable())
	l.alwaysEmpty = func(ctx context.Context) (bool, error) { return a.noSuchCommit(ctx, q) }
	return l
}

// noSuchCommit reports whether the query names a commit that no session has. The reference server then answers 204 for
// every page.
func (a *API) noSuchCommit(ctx context.Context, q monitor.MetricQuery) (bool, error) {
	for _, m := range q.Where {
		if m.Field == monitor.FieldScmRef {
			n, err := a.parts.Store.CountSessions(ctx, monitor.SessionQuery{Project: q.Project, ScmRef: &m})
			return n == 0, err
		}
	}
	return false, nil
}
