// Package telemetry counts and times the work of the bridge, and shows the figures in the Prometheus format. Its methods
// fit the hooks of other packages, so that those packages do not import this package.
package telemetry
