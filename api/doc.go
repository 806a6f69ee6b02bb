// Package api answers questions about what was measured: the read routes of monitor-server-api, so that its users and
// its Python client monitor_api switch by changing a URL, and what they lacked: runs, and whole results as CSV or as
// lines of JSON.
//
// An [API] is thin. Each route is a line of a table that says which question of [monitor.Store] it asks; one function
// answers all lists, another all counts. The OpenAPI document is made of the same tables.
//
// # Answers
//
// A list comes in pages of one JSON object, with links to the pages beside it, or, where CSV or lines of JSON are
// asked for, whole, row by row as the store finds them. What is sent before the store fails cannot be taken back: the
// connection then is cut, so that no client takes a part for the whole.
package api
