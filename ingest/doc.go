// Package ingest has the routes that take records: contexts, sessions, metrics and outcomes from pytest, and imports. It
// answers 201 when the records are on stable storage. It also has the routes for health and for Prometheus, below /-/.
//
// pytest-monitor asks whether a context or session is known before it sends it. Package api has the routes for these
// lookups.
package ingest
