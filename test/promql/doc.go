// Package promql runs the queries of the dashboard about the bridge in Prometheus's own engine, on metrics that package
// telemetry writes. It is a separate module, so that the program does not get the many dependencies of the engine.
package promql
