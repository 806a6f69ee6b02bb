package api

import (
	"path"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// nameList is a list of names. Its answer repeats the path parameters and has the names under the end of the path.
type nameList struct {
	path, summary, answer string
	of                    monitor.Names
}

func (a *API) nameRoutes() []route {
	const components, pipelines, builds, sessions = monitor.Components, monitor.Pipelines, monitor.PipelineBuilds, monitor.SessionHashes
	routes := []route{
		listRoute(a, "/components/", "All components, the empty one included", "Components", pageQuery, a.components),
		listRoute(a, "/components/:component", "Components that begin with a text", "Components", pageQuery, a.components),
		countRoute("/components/count", "Number of components, the empty one not included", func(c *gin.Context) list[string] {
			return a.names("components", monitor.NameQuery{Project: httpd.ReadProject(c), Of: components, NonEmpty: true})
		}),
		{path: "/pipelines/", summary: "All pipelines, on one page", answer: "Pipelines", empty: true, handle: handler(a.allPipelines)},
	}
	for _, l := range []nameList{
		{"/components/:component/pipelines", "Pipelines that measured a component", "ComponentPipelines", pipelines},
		{"/components/:component/pipelines/:pipeline/builds", "Builds of a pipeline that measured a component", "ComponentBuilds", builds},
		{"/components/:component/pipelines/:pipeline/builds/:build/sessions",
			"Hashes of the sessions of a build that measured a component", "ComponentBuildSessions", sessions},
		{"/pipelines/:pipeline/builds", "Builds of a pipeline", "Builds", builds},
		{"/pipelines/:pipeline/builds/:build/sessions", "Hashes of the sessions of a build", "BuildSessions", sessions},
	} {
		routes = append(routes, route{path: l.path, summary: l.summary, answer: l.answer, query: pageQuery,
			handle: handler(func(c *gin.Context) error { return answerList(c, a.PageSize, a.sessionNames(c, l)) })})
	}
	return routes
}

// names is the list that answers a question.
func (a *API) names(key string, q monitor.NameQuery) list[string] {
	return newList(key, q, a.parts.Store.Names, a.parts.Store.CountNames, wire.AppendText, nil)
}

// components lists components, by their beginning if the request names one.
func (a *API) components(c *gin.Context) list[string] {
	return a.names("components", monitor.NameQuery{Project: httpd.ReadProject(c), Of: monitor.Components, Prefix: c.Param("component")})
}

// sessionNames lists names of the sessions that the path describes.
func (a *API) sessionNames(c *gin.Context, l nameList) list[string] {
	q := monitor.NameQuery{Project: httpd.ReadProject(c), Of: l.of, Pipeline: c.Param("pipeline"), Build: c.Param("build")}
	if component, ok := c.Params.Get("component"); ok {
		q.Component = &component
	}
	names := a.names(path.Base(l.path), q)
	names.nullLinks = true
	_, params := describePath(l.path)
	for _, p := range params {
		names.repeat = append(names.repeat, member{p, c.Param(p)})
	}
	return names
}

// allPipelines answers with every pipeline. The reference server and its client have no pages here.
func (a *API) allPipelines(c *gin.Context) error {
	return answerAll(c, a.names("pipelines", monitor.NameQuery{Project: httpd.ReadProject(c), Of: monitor.Pipelines}))
}
