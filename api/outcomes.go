package api

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// outcomeParam is the query parameter that chooses an outcome.
const outcomeParam = "outcome"

func outcomeLists() []filtered {
	of := func(field monitor.Field, param string) []condition {
		return []condition{{field, monitor.Equals, param}}
	}
	return []filtered{
		{"/outcomes/", "All outcomes", true, nil},
		{"/items/:item/outcomes", "Outcomes of an item", true, of(monitor.FieldItem, "item")},
		{"/sessions/:h/outcomes", "Outcomes of a session", true, of(monitor.FieldSessionH, "h")},
		{"/runs/:run/outcomes", "Outcomes of a run", true, of(monitor.FieldRun, "run")},
		{"/contexts/:h/outcomes", "Outcomes of a context", true, of(monitor.FieldContextH, "h")},
	}
}

func (a *API) outcomeRoutes() []route {
	routes := filteredRoutes(a, outcomeLists(), "Outcomes", append(listQuery[:len(listQuery):len(listQuery)], outcomeParam), a.outcomes)
	for i := range routes {
		routes[i].handle = withOutcome(routes[i].handle)
		if routes[i].answer == "Count" {
			routes[i].query = []string{outcomeParam}
		}
	}
	return routes
}

// withOutcome refuses requests for an outcome that no test can have.
func withOutcome(handle gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		if asked, ok := c.GetQuery(outcomeParam); ok && !slices.Contains(monitor.Outcomes[:], asked) {
			httpd.Fail(c, &monitor.Error{Code: monitor.EInvalid, Message: "no such outcome", Fields: map[string]string{
				outcomeParam: "expected one of " + strings.Join(monitor.Outcomes[:], ", ")}})
			return
		}
		handle(c)
	}
}

func (a *API) outcomes(c *gin.Context, where []condition) list[*monitor.Outcome] {
	q := monitor.OutcomeQuery{Project: httpd.ReadProject(c), Where: matches(c, where)}
	if asked := c.Query(outcomeParam); asked != "" {
		q.Where = append(q.Where, monitor.Match{Field: monitor.FieldOutcome, Text: asked})
	}
	return newList("outcomes", q, a.parts.Store.Outcomes, a.parts.Store.CountOutcomes, wire.AppendOutcome, outcomeTable())
}
