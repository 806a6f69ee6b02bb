package httpd

import (
	"net/http"
	"strings"

	"github.com/munnerz/goautoneg"
)

// Accepted returns the weights that a request gives to media types such as "text/html", from 0 to 1. The most specific
// matching clause of the Accept headers decides. Without the header all types have the weight 1.
func Accepted(r *http.Request, types ...string) []float64 {
	headers := r.Header.Values("Accept")
	if len(headers) == 0 {
		headers = []string{"*/*"}
	}
	clauses := goautoneg.ParseAccept(strings.ToLower(strings.Join(headers, ",")))
	weights := make([]float64, len(types))
	for i, t := range types {
		kind, subtype, _ := strings.Cut(t, "/")
		weights[i] = weight(clauses, kind, subtype)
	}
	return weights
}

func weight(clauses []goautoneg.Accept, kind, subtype string) (q float64) {
	best := 0
	for _, clause := range clauses {
		specific := 0
		switch {
		case clause.Type == kind && clause.SubType == subtype:
			specific = 3
		case clause.Type == kind && clause.SubType == "*":
			specific = 2
		case clause.Type == "*" && clause.SubType == "*":
			specific = 1
		}
		if specific > best || specific > 0 && specific == best && clause.Q > q {
			best, q = specific, clause.Q
		}
	}
	return q
}

// WantsPage says whether a request prefers a web page to JSON and to plain text, as browsers do and programs do not.
func WantsPage(r *http.Request) bool {
	w := Accepted(r, "text/html", "application/json", "text/plain")
	return w[0] > w[1] && w[0] > w[2]
}
