package api

import (
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor/wire"
)

// route is a GET route and its description in the OpenAPI document.
type route struct {
	path    string // template of Gin below the base path, as documented; a list of everything ends in a slash
	summary string
	answer  string   // name of the 200 response in the document
	query   []string // names of the query parameters in the document
	empty   bool     // an empty list is answered 204
	handle  gin.HandlerFunc
}

// readRoutes returns all routes except the lookups and the routes of the document.
func (a *API) readRoutes() []route {
	lists := slices.Concat(a.metricRoutes(), a.topRoutes(), a.sessionRoutes(), a.contextRoutes(), a.nameRoutes(), a.runRoutes(),
		a.outcomeRoutes(), a.flakyRoutes(), a.driftRoutes())
	for i := range lists {
		lists[i].handle = a.inTurn(lists[i].handle)
	}
	return slices.Concat(lists, a.regressionRoutes(), a.acceptanceRoutes())
}

// Query parameters of lists. The names are those in the components of the OpenAPI document.
var (
	pageQuery = []string{"page"}
	listQuery = []string{"page", "format"}
	flagQuery = []string{"page", "format", "with_flags", "with_tags", "restrict_flags", "method"}
)

// listRoute returns a route for a list with pages. An empty list is answered 204.
func listRoute[T any](a *API, path, summary, answer string, query []string, listOf func(c *gin.Context) list[T]) route {
	return route{path: path, summary: summary, answer: answer, query: query, empty: true,
		handle: handler(func(c *gin.Context) error { return answerList(c, a.PageSize, listOf(c)) })}
}

// countRoute returns a route for the number of elements of a list, on all pages.
func countRoute[T any](path, summary string, listOf func(c *gin.Context) list[T]) route {
	return route{path: path, summary: summary, answer: "Count", handle: handler(func(c *gin.Context) error {
		return answerCount(c, listOf(c))
	})}
}

func answerCount[T any](c *gin.Context, l list[T]) error {
	n, err := l.count(c.Request.Context())
	if err != nil {
		return err
	}
	b := newBody(c, jsonType, pageLimit)
	b.data = append(strconv.AppendInt(append(b.data, `{"count":`...), n, 10), "}\n"...)
	return b.finish()
}

// member is a member of a JSON object with a text as its value.
type member struct{ name, text string }

func appendMember(dst []byte, m member) []byte {
	dst = append(wire.AppendText(dst, m.name), ':')
	return append(wire.AppendText(dst, m.text), ',')
}
