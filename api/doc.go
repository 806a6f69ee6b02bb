// Package api has the routes that read measurements. They are the read routes of monitor-server-api, the reference
// server. A user of that server, or of its Python client monitor_api, can switch to the bridge by changing a URL. The
// package adds routes for runs and reports, and the formats CSV and NDJSON. It also answers the lookups of
// pytest-monitor: "is this context or session known?"
//
// An [API] is thin. Each route is an entry in a table, with the query for [monitor.Store]. One function answers all lists,
// another function answers all counts. The OpenAPI document is made from the same tables and from openapi.json.
//
// # Answers
//
// As JSON, a list has pages with links to the previous and the next page. As CSV and NDJSON, a list has no pages: the
// server sends each row when the store finds it. If the store fails after the first rows are sent, the server closes the
// connection. So a client cannot take a part of the list for the whole list.
package api
