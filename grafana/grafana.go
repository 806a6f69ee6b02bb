// Package grafana embeds the files for Grafana: dashboards, alert rules, and the provisioning that installs them. The
// command `pymon-bridge grafana export` writes them to a folder. README.md describes the dashboards and their installation.
package grafana

import "embed"

//go:generate go run ./generate dashboards

// Dashboards has `dashboards/*.json`: dashboards in Grafana's JSON model, schema version 42. Each has a fixed uid and one
// variable for the data source. So the same file can be provisioned, imported, and posted to Grafana's API. The program in
// the folder generate writes them.
//
//go:embed dashboards/*.json
var Dashboards embed.FS

// Provisioning has `provisioning/`, for Grafana's folder of the same name: the InfluxDB data source, the folder of the
// dashboards, and the alert rules. The address, organisation, bucket and token of InfluxDB come from Grafana's environment.
//
//go:embed provisioning
var Provisioning embed.FS

// Examples has `examples/`: a contact point and a notification policy for alerts. They must be changed for each site.
//
//go:embed examples
var Examples embed.FS
