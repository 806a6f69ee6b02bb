package api

import (
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
	shared  bool     // somebody else registers it and passes on what is not pytest-monitor's
	handle  gin.HandlerFunc
}

// routes returns all routes.
func (a *API) routes() []route {
	var all []route
	for _, some := range [][]route{a.metricRoutes(), a.topRoutes(), a.sessionRoutes(), a.contextRoutes(), a.nameRoutes(),
		a.runRoutes(), a.regressionRoutes(), a.documentRoutes()} {
		all = append(all, some...)
	}
	return all
}

// Query parameters of lists, by their names in the OpenAPI document.
var (
	pageQuery = []string{"page"}
	listQuery = []string{"page", "format"}
	flagQuery = []string{"page", "format", "with_flags", "with_tags", "restrict_flags", "method"}
)

// listRoute is the route of a paged list that is 204 when empty.
func listRoute[T any](a *API, path, summary, answer string, question func(c *gin.Context) list[T]) route {
	return route{path: path, summary: summary, answer: answer, query: listQuery, empty: true,
		handle: handler(func(c *gin.Context) error { return answerList(c, a.PageSize, question(c)) })}
}

// countRoute is the route of a number.
func countRoute(path, summary string, count func(c *gin.Context) (int64, error)) route {
	return route{path: path, summary: summary, answer: "Count", handle: handler(func(c *gin.Context) error {
		n, err := count(c)
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
