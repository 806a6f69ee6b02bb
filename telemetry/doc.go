// Package telemetry counts and times what the bridge does and shows it in the Prometheus format. Its methods have
// the shape of the hooks of the packages they observe, none of which knows this one.
package telemetry
