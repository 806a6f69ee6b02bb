// Package api answers questions about what was measured. It has the read routes of monitor-server-api, so that users of
// that server and of its Python client monitor_api switch by changing a URL. In addition it has runs, reports, and whole
// results as CSV or as lines of JSON. It also answers pytest-monitor's lookups of contexts and sessions.
//
// An [API] is thin. Each route is a line of a table that says which question of [monitor.Store] it asks. One function
// answers all lists, another one all counts. The OpenAPI document is made from the same tables.
//
// # Answers
//
// As JSON a list comes in pages with links to the other pages. As CSV or lines of JSON it comes whole, row by row as the
// store finds them. What is sent already cannot be taken back when the store fails. The connection is cut then, so that
// no client takes a part for the whole.
package api
