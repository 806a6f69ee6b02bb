package main

import "strings"

// variable is what the reader of a dashboard chooses.
type variable struct {
	Name        string      `json:"name"`
	Label       string      `json:"label"`
	Type        string      `json:"type"`
	Description string      `json:"description"`
	Datasource  *datasource `json:"datasource,omitempty"`
	Query       string      `json:"query"`
	Refresh     int         `json:"refresh,omitempty"` // 1: when the dashboard loads, 2: also when its time changes
	Sort        *int        `json:"sort,omitempty"`    // 1 by name, 0 as the query gives them
	Regex       string      `json:"regex"`
	Multi       bool        `json:"multi"`
	IncludeAll  bool        `json:"includeAll"`
	AllValue    string      `json:"allValue,omitempty"`
	Hide        int         `json:"hide"`
	SkipURLSync bool        `json:"skipUrlSync"`
	Options     []object    `json:"options"`
	Current     object      `json:"current"`
}

// source returns the variable of the one data source, of a type of data source.
func source(name, kind, description string) *variable {
	return &variable{Name: name, Label: "Data source", Type: "datasource", Description: description, Query: kind, Refresh: 1, Options: []object{}, Current: object{}}
}

// influxSource is the variable that all queries in Flux go to.
func influxSource() *variable {
	return source("datasource", "influxdb", "An InfluxDB data source with query language Flux whose default bucket holds the measurements.")
}

// asked returns a variable of which one value is chosen, the first one at the start. With sort 0 the query's order stays.
func asked(name, label, description, query string, sort int) *variable {
	return &variable{Name: name, Label: label, Type: "query", Description: description, Datasource: &influx, Query: query, Refresh: 2,
		Sort: &sort, Options: []object{}, Current: object{}}
}

// any lets the reader choose several values, or all of them, as at the start. All is the regular expression that matches
// everything, also values that the query did not list, since a list of all values could be long.
func (v *variable) any() *variable {
	v.Multi, v.IncludeAll, v.AllValue = true, true, ".*"
	v.Current = object{"text": []string{"All"}, "value": []string{"$__all"}, "selected": true}
	return v
}

// textbox returns a variable that is typed in.
func textbox(name, label, description, value string) *variable {
	option := object{"text": value, "value": value, "selected": true}
	return &variable{Name: name, Label: label, Type: "textbox", Description: description, Query: value, Options: []object{option}, Current: option}
}

// choice returns a variable with fixed values: pairs of a text and a value, the first one chosen.
func choice(name, label, description string, pairs ...string) *variable {
	v := &variable{Name: name, Label: label, Type: "custom", Description: description}
	var query []string
	for i := 0; i < len(pairs); i += 2 {
		option := object{"text": pairs[i], "value": pairs[i+1], "selected": i == 0}
		query = append(query, pairs[i]+" : "+pairs[i+1])
		v.Options = append(v.Options, option)
	}
	v.Query, v.Current = strings.Join(query, ", "), v.Options[0]
	return v
}

// several lets the reader choose several of a choice's values, which are all chosen at the start.
func (v *variable) several() *variable {
	var texts, values []any
	for _, o := range v.Options {
		o["selected"] = true
		texts, values = append(texts, o["text"]), append(values, o["value"])
	}
	v.Multi, v.Current = true, object{"text": texts, "value": values, "selected": true}
	return v
}

func projectVariable() *variable {
	return asked("project", "Project", "The project that the measurements were sent to.", tagValues("project"), 1)
}

func envVariable() *variable {
	return asked("env", "Machine class", "Only measurements of one class of machine are compared.", tagValues("env", inProject), 1)
}

func componentVariable() *variable {
	return asked("component", "Component", "Components that the suite declares; (none) where it declares none.",
		tagValues("component", inProject, inEnv), 1).any()
}

func branchVariable() *variable {
	return asked("branch", "Branch", "Branches of the judged runs, as told by the tag branch or by the CI. All includes runs without one.", `from(bucket: v.defaultBucket)
  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
  |> filter(fn: (r) => r._measurement == "runs" and r._field == "branch" and `+inProject+`)
  |> group()
  |> unique()
  |> keep(columns: ["_value"])
  |> sort()
`, 1).any()
}

func kindVariable() *variable {
	return choice("kind", "Kind", "Tests, or whole modules where pytest-monitor measures them.", "Tests", "function", "Modules", "module")
}

func searchVariable() *variable {
	return textbox("search", "Search", `A regular expression for module, function or test, upper and lower case alike; a slash is written \/.`, "")
}

// commitVariable is the address of commits' pages, up to the commit itself.
func commitVariable() *variable {
	return textbox("commit_url", "Commit page", "What stands before the commit in the address of its page, such as https://github.com/OWNER/REPOSITORY/commit/.",
		"https://github.com/search?type=commits&q=hash:")
}

// runVariable lists judged runs by time, branch and commit, the newest first. The first offset runs are left out.
func runVariable(name, label, description, condition string, offset string) *variable {
	v := asked(name, label, description, `import "strings"

`+runs("machines", condition, "run", "scm_ref", "branch")+`  |> group()
  |> sort(columns: ["_time"], desc: true)
  |> unique(column: "run")
  |> limit(n: 200, offset: `+offset+`)
  |> map(fn: (r) => ({_value: strings.substring(v: string(v: r._time), start: 0, end: 16) + " " + strings.replaceAll(v: r.branch, t: "|", u: " ") + " " + strings.substring(v: r.scm_ref, start: 0, end: 8) + "|" + r.run}))
`, 0)
	v.Regex = `/^(?<text>[^|]*)\|(?<value>.*)$/`
	return v
}
