package api

import (
	"context"
	"iter"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// nameList is a list of names. Its answer repeats the path parameters.
type nameList struct {
	path, summary string
	key           string // member that holds the names
	answer        string
	of            monitor.Names
	params        []string
}

func (a *API) nameRoutes() []route {
	const components, pipelines, builds, sessions = monitor.Components, monitor.Pipelines, monitor.PipelineBuilds, monitor.SessionHashes
	routes := []route{
		listRoute(a, "/components/", "All components, the empty one included", "Components", a.components),
		listRoute(a, "/components/:component", "Components that begin with a text", "Components", a.components),
		countRoute("/components/count", "Number of components, the empty one not included", func(c *gin.Context) (int64, error) {
			q := monitor.NameQuery{Project: a.project(c), Of: components, NonEmpty: true}
			return a.store.CountNames(c.Request.Context(), q)
		}),
		{path: "/pipelines/", summary: "All pipelines, on one page", answer: "Pipelines", empty: true, handle: handler(a.allPipelines)},
	}
	for i, r := range routes {
		if r.answer == "Components" {
			routes[i].query = pageQuery
		}
	}
	for _, l := range []nameList{
		{"/components/:component/pipelines", "Pipelines that measured a component", "pipelines", "ComponentPipelines",
			pipelines, []string{"component"}},
		{"/components/:component/pipelines/:pipeline/builds", "Builds of a pipeline that measured a component", "builds",
			"ComponentBuilds", builds, []string{"component", "pipeline"}},
		{"/components/:component/pipelines/:pipeline/builds/:build/sessions",
			"Hashes of the sessions of a build that measured a component", "sessions", "ComponentBuildSessions",
			sessions, []string{"component", "pipeline", "build"}},
		{"/pipelines/:pipeline/builds", "Builds of a pipeline", "builds", "Builds", builds, []string{"pipeline"}},
		{"/pipelines/:pipeline/builds/:build/sessions", "Hashes of the sessions of a build", "sessions", "BuildSessions",
			sessions, []string{"pipeline", "build"}},
	} {
		routes = append(routes, route{path: l.path, summary: l.summary, answer: l.answer, query: pageQuery,
			handle: handler(func(c *gin.Context) error { return answerList(c, a.PageSize, a.sessionNames(c, l)) })})
	}
	return routes
}

// names is the list that answers a question.
func (a *API) names(key string, q monitor.NameQuery) list[string] {
	return list[string]{
		key: key,
		rows: func(ctx context.Context, p monitor.Page) iter.Seq2[string, error] {
			return a.store.Names(ctx, q, p)
		},
		count: func(ctx context.Context) (int64, error) { return a.store.CountNames(ctx, q) },
		json:  wire.AppendText,
	}
}

// components lists components, by their beginning if the request names one.
func (a *API) components(c *gin.Context) list[string] {
	return a.names("components", monitor.NameQuery{Project: a.project(c), Of: monitor.Components, Prefix: c.Param("component")})
}

// sessionNames lists names of the sessions that the path describes.
func (a *API) sessionNames(c *gin.Context, l nameList) list[string] {
	q := monitor.NameQuery{Project: a.project(c), Of: l.of, Pipeline: c.Param("pipeline"), Build: c.Param("build")}
	if component, ok := c.Params.Get("component"); ok {
		q.Component = &component
	}
	names := a.names(l.key, q)
	names.style = nullLinks
	for _, p := range l.params {
		names.repeat = append(names.repeat, member{p, c.Param(p)})
	}
	return names
}

// allPipelines answers with every pipeline: the reference server and its client know no pages here.
func (a *API) allPipelines(c *gin.Context) error {
	return answerAll(c, a.names("pipelines", monitor.NameQuery{Project: a.project(c), Of: monitor.Pipelines}))
}
