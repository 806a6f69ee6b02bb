// Package grafana holds the Grafana dashboards of the product, alert rules, and the provisioning that installs them, for
// programs that ship or check them. README.md says how to use the files without a program.
package grafana

import "embed"

//go:generate go run ./generate dashboards

// Dashboards holds `dashboards/*.json`: dashboards in Grafana's JSON model, schema version 42, each with a fixed uid
// and one data source variable, so that the same file can be provisioned, imported and posted to Grafana's API. They
// are written by the program in the folder generate.
//
//go:embed dashboards/*.json
var Dashboards embed.FS

// Provisioning holds `provisioning/`, what Grafana reads from its folder of that name: the InfluxDB data source, of
// which address, organisation, bucket and token come from Grafana's environment, the folder of the dashboards, and
// alert rules.
//
//go:embed provisioning
var Provisioning embed.FS

// Examples holds `examples/`, provisioning that must be fitted to a site before Grafana may read it: where alerts go.
//
//go:embed examples
var Examples embed.FS
