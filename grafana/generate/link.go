package main

import "strings"

// dashboardURL returns the address of a dashboard with the chosen time range. keep has the names of the variables that
// keep their values, besides the address of the bridge. set has names and values of other variables.
func dashboardURL(dashboard string, keep string, set ...string) string {
	address := "/d/pymon-" + dashboard + "?${__url_time_range}&${bridge_url:queryparam}"
	for name := range strings.FieldsSeq(keep) {
		address += "&${" + name + ":queryparam}"
	}
	for i := 0; i < len(set); i += 2 {
		address += "&var-" + set[i] + "=" + set[i+1]
	}
	return address
}

// clicked is the value of the clicked cell.
const clicked = "${__value.raw:percentencode}"

// otherCell returns the value of another column in the clicked row.
func otherCell(column string) string { return "${__data.fields." + column + ":percentencode}" }

// testLink links the name of a test to its dashboard and to its page of the bridge. The table must have the column module.
func testLink(keep, env string) property {
	return links(link{Title: "History of this test", URL: dashboardURL("test", keep, "test", clicked, "module", otherCell("module"))},
		link{Title: "This test in the bridge", URL: testPageURL(otherCell("module"), clicked, env), TargetBlank: true})
}

// chosenEnv is the class of machine on dashboards that show one.
const chosenEnv = "${env:percentencode}"

// testPageURL returns the address of the page of a test. Without env the page shows the class of machine of the last measurement.
// The bridge finds the test by its module and its name, also in the form that InfluxDB stores.
func testPageURL(module, test, env string) string {
	address := pageURL("test?path=" + module + "&name=" + test)
	if env != "" {
		address += "&env=" + env
	}
	return address
}

// chosenTestURL returns the address of the page of the test that the dashboard shows.
func chosenTestURL(env string) string {
	return testPageURL("${module:percentencode}", "${test:percentencode}", env)
}

// pageURL returns the address of a page of the bridge below the project.
func pageURL(path string) string { return "${bridge_url:raw}/p/${project:raw}/" + path }

// runLink links the id of a run to dashboards, and to its page of the bridge.
func runLink(dashboards ...link) property {
	return links(append(dashboards, link{Title: "This run in the bridge", URL: pageURL("runs/" + clicked), TargetBlank: true})...)
}

// inBridge links a panel to a page of the bridge.
func inBridge(title, url string) []link { return []link{{Title: title, URL: url, TargetBlank: true}} }

// commitLink links a commit to its page, for example on GitHub.
func commitLink() property {
	return links(link{Title: "Commit", URL: "${commit_url:raw}" + clicked, TargetBlank: true})
}
