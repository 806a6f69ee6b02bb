package api

import (
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor/wire"
)

// route is one route and what the OpenAPI document says of it.
type route struct {
	path    string // Gin's template below the base path, as documented: lists of everything end in a slash
	summary string
	answer  string   // the answer 200, by its name in the document
	query   []string // the query parameters, by their names in the document
	empty   bool     // nothing found is answered 204
	handle  gin.HandlerFunc
}

// dataRoutes returns all routes but those of the document.
func (a *API) dataRoutes() []route {
	return slices.Concat(a.metricRoutes(), a.topRoutes(), a.sessionRoutes(), a.contextRoutes(), a.lookupRoutes(),
		a.nameRoutes(), a.runRoutes(), a.regressionRoutes())
}

// Query parameters of lists, by their names in the OpenAPI document.
var (
	pageQuery = []string{"page"}
	listQuery = []string{"page", "format"}
	flagQuery = []string{"page", "format", "with_flags", "with_tags", "restrict_flags", "method"}
)

// listRoute is the route of a paged list that is 204 when empty.
func listRoute[T any](a *API, path, summary, answer string, query []string, question func(c *gin.Context) list[T]) route {
	return route{path: path, summary: summary, answer: answer, query: query, empty: true,
		handle: handler(func(c *gin.Context) error { return answerList(c, a.PageSize, question(c)) })}
}

// countRoute is the route of the number of elements that a list has on all pages.
func countRoute[T any](path, summary string, question func(c *gin.Context) list[T]) route {
	return route{path: path, summary: summary, answer: "Count", handle: handler(func(c *gin.Context) error {
		n, err := question(c).count(c.Request.Context())
		if err != nil {
			return err
		}
		b := newBody(c, jsonType, pageLimit)
		b.data = append(strconv.AppendInt(append(b.data, `{"count":`...), n, 10), "}\n"...)
		return b.end()
	})}
}

// member is a name and a text of an answer.
type member struct{ name, text string }

func appendMember(dst []byte, m member) []byte {
	dst = append(wire.AppendText(dst, m.name), ':')
	return append(wire.AppendText(dst, m.text), ',')
}
