// Package promql runs the queries of the dashboard about the bridge in Prometheus's own engine, on what the bridge
// shows. It is a module of its own, so that the engine's many dependencies stay out of the program's.
package promql
