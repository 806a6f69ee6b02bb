package sqlite

import (
	"encoding/hex"

	"pymon-bridge/monitor"
)

// tagged returns the condition that sessions, as s, have one of some tags, or all of them.
//
// All tags together are two values of the query. With one condition for each tag, the expression would be too deep for
// SQLite from a thousand tags on, and the values would soon be too many.
func tagged(tags []monitor.TagMatch, any bool) (where clause) {
	var present []string  // names
	var equal [][2]string // names and values
	seen := make(map[monitor.TagMatch]bool)
	for _, t := range tags {
		switch {
		case seen[t]:
			continue
		case t.Value == "":
			present = append(present, hexadecimal(t.Name))
		default:
			equal = append(equal, [2]string{hexadecimal(t.Name), hexadecimal(t.Value)})
		}
		seen[t] = true
	}
	var having []clause
	if n := len(present); n > 0 {
		having = append(having, sessionsWith(jsonList(present), "t.name = "+unhex("f.value")+" AND t.value > ''", n, any))
	}
	if n := len(equal); n > 0 {
		having = append(having, sessionsWith(jsonList(equal),
			"t.name = "+unhex("f.value ->> 0")+" AND t.value = "+unhex("f.value ->> 1"), n, any))
	}
	for i, sessions := range having {
		if i > 0 && any {
			where.add(" OR ")
		} else if i > 0 {
			where.add(" AND ")
		}
		where.add("s.hash IN ("+sessions.sql+")", sessions.args...)
	}
	return where
}

// sessionsWith returns a query for sessions. list is a JSON list of n elements, and the condition compares a tag t with
// an element f. The sessions have a tag for one element if any is set, and else for each element.
func sessionsWith(list, condition string, n int, any bool) clause {
	query := newClause("SELECT t.session FROM json_each(?) f CROSS JOIN tags t ON "+condition, list)
	if !any && n > 1 { // a session has each name only once
		query.add(" GROUP BY t.session HAVING count(*) = ?", n)
	}
	return query
}

// hexadecimal returns the bytes of a text as digits. A JSON text in SQLite ends at the first NUL and cannot have lone
// surrogates.
func hexadecimal(s string) string { return hex.EncodeToString([]byte(s)) }

// unhex returns the SQL expression that turns digits back into a text.
func unhex(expression string) string { return "CAST(unhex(" + expression + ") AS TEXT)" }
