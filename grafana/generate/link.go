package main

import "strings"

// dashboardURL returns the address of a dashboard with the chosen time range. keep has the names of the variables that
// keep their values. set has names and values of other variables.
func dashboardURL(dashboard string, keep string, set ...string) string {
	address := "/d/pymon-" + dashboard + "?${__url_time_range}"
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

// testLink links the name of a test to its page. The table must have the column module.
func testLink(keep string) property {
	return links(link{Title: "History of this test", URL: dashboardURL("test", keep, "test", clicked, "module", otherCell("module"))})
}

// commitLink links a commit to its page, for example on GitHub.
func commitLink() property {
	return links(link{Title: "Commit", URL: "${commit_url:raw}" + clicked, TargetBlank: true})
}
