package main

import "strings"

// to returns the address of another dashboard, or of the same one, with the chosen time, the variables that are kept,
// and the given ones: pairs of a name and a value.
func to(dashboard string, keep string, set ...string) string {
	address := "/d/pymon-" + dashboard + "?${__url_time_range}"
	for name := range strings.FieldsSeq(keep) {
		address += "&${" + name + ":queryparam}"
	}
	for i := 0; i < len(set); i += 2 {
		address += "&var-" + set[i] + "=" + set[i+1]
	}
	return address
}

// clicked is the cell that was clicked.
const clicked = "${__value.raw:percentencode}"

// beside is the cell in another column of the row that was clicked.
func beside(column string) string { return "${__data.fields." + column + ":percentencode}" }

// testLink leads from a test's name to its page, for tables that have the module in the column module.
func testLink(keep string) property {
	return links(link{Title: "History of this test", URL: to("test", keep, "test", clicked, "module", beside("module"))})
}

// commitLink leads from a commit to its own page.
func commitLink() property {
	return links(link{Title: "Commit", URL: "${commit_url:raw}" + clicked, TargetBlank: true})
}
