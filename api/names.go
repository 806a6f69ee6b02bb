package api

import (
	"path"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// nameList is a route for a list of names. The answer repeats the path parameters. The last part of the path is the member
// with the names.
type nameList struct {
	path, summary, answer string
	of                    monitor.Names
}

func (a *API) nameRoutes() []route {
	const components, pipelines, builds, sessions = monitor.Components, monitor.Pipelines, monitor.PipelineBuilds, monitor.SessionHashes
	routes := []route{
		listRoute(a, "/components/", "All components, the empty name included", "Components", pageQuery, a.components),
		listRoute(a, "/components/:component", "Components whose name begins with a text", "Components", pageQuery, a.components),
		countRoute("/components/count", "Number of components, without the empty name", func(c *gin.Context) list[string] {
			return a.names("components", monitor.NameQuery{Project: httpd.ReadProject(c), Of: components, NonEmpty: true})
		}),
		{path: "/pipelines/", summary: "All pipelines, on one page", answer: "Pipelines", empty: true, handle: handler(a.allPipelines)},
	}
	for _, l := range []nameList{
		{"/components/:component/pipelines", "Pipelines with metrics of a component", "ComponentPipelines", pipelines},
		{"/components/:component/pipelines/:pipeline/builds", "Builds of a pipeline with metrics of a component", "ComponentBuilds", builds},
		{"/components/:component/pipelines/:pipeline/builds/:build/sessions",
			"Hashes of the sessions of a build with metrics of a component", "ComponentBuildSessions", sessions},
		{"/pipelines/:pipeline/builds", "Builds of a pipeline", "Builds", builds},
		{"/pipelines/:pipeline/builds/:build/sessions", "Hashes of the sessions of a build", "BuildSessions", sessions},
	} {
		routes = append(routes, route{path: l.path, summary: l.summary, answer: l.answer, query: pageQuery,
			handle: handler(func(c *gin.Context) error { return answerList(c, a.PageSize, a.sessionNames(c, l)) })})
	}
	return routes
}

func (a *API) names(key string, q monitor.NameQuery) list[string] {
	return newList(key, q, a.parts.Store.Names, a.parts.Store.CountNames, wire.AppendText, nil)
}

// components returns the components for a request. The path may have the beginning of a name.
func (a *API) components(c *gin.Context) list[string] {
	return a.names("components", monitor.NameQuery{Project: httpd.ReadProject(c), Of: monitor.Components, Prefix: c.Param("component")})
}

// sessionNames returns names from the sessions that match the path parameters.
func (a *API) sessionNames(c *gin.Context, l nameList) list[string] {
	q := monitor.NameQuery{Project: httpd.ReadProject(c), Of: l.of, Pipeline: c.Param("pipeline"), Build: c.Param("build")}
	if component, ok := c.Params.Get("component"); ok {
		q.Component = &component
	}
	names := a.names(path.Base(l.path), q)
	names.nullLinks = true
	_, params := describePath(l.path)
	for _, p := range params {
		names.params = append(names.params, member{p, c.Param(p)})
	}
	return names
}

// allPipelines answers with all pipelines. The reference server and its client have no pages here.
func (a *API) allPipelines(c *gin.Context) error {
	return answerAll(c, a.names("pipelines", monitor.NameQuery{Project: httpd.ReadProject(c), Of: monitor.Pipelines}))
}
