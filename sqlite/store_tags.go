package sqlite

import (
	"encoding/hex"
	"encoding/json"

	"pymon-bridge/monitor"
)

// tagged returns the condition that sessions, as s, have one of some tags, or all of them.
//
// However many tags a client asks for, they are two values of the query. As a condition each they would be too deep an
// expression for SQLite from the thousandth on, and too many values soon after.
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
		having = append(having, sessionsWith(present, "t.name = "+unhex("f.value")+" AND t.value > ''", n, any))
	}
	if n := len(equal); n > 0 {
		having = append(having, sessionsWith(equal,
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

// sessionsWith returns a query for the sessions that have a tag for one of the n elements f of a list, or for each.
func sessionsWith(list any, condition string, n int, any bool) clause {
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // texts can be encoded
	}
	query := newClause("SELECT t.session FROM json_each(?) f CROSS JOIN tags t ON "+condition, string(text))
	if !any && n > 1 { // a session has each name once
		query.add(" GROUP BY t.session HAVING count(*) = ?", n)
	}
	return query
}

// JSON texts of SQLite end at the first NUL and hold no lone surrogates, so texts are in them as digits.

func hexadecimal(s string) string { return hex.EncodeToString([]byte(s)) }

// unhex returns the expression for the text that an expression is the digits of.
func unhex(expression string) string { return "CAST(unhex(" + expression + ") AS TEXT)" }
