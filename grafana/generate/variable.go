package main

import "strings"

// variable is a variable of a dashboard. The user chooses its value.
type variable struct {
	Name        string      `json:"name"`
	Label       string      `json:"label"`
	Type        string      `json:"type"`
	Description string      `json:"description"`
	Datasource  *datasource `json:"datasource,omitempty"`
	Query       string      `json:"query"`
	Refresh     int         `json:"refresh,omitempty"` // 1: when the dashboard loads; 2: also when the time range changes
	Sort        *int        `json:"sort,omitempty"`    // 0: in the order of the query; 1: by name
	Regex       string      `json:"regex"`
	Multi       bool        `json:"multi"`
	IncludeAll  bool        `json:"includeAll"`
	AllValue    string      `json:"allValue,omitempty"`
	Hide        int         `json:"hide"`
	SkipURLSync bool        `json:"skipUrlSync"`
	Options     []object    `json:"options"`
	Current     object      `json:"current"`
}

// source returns the variable that chooses the data source. kind is the type of the data source.
func source(name, kind, description string) *variable {
	return &variable{Name: name, Label: "Data source", Type: "datasource", Description: description, Query: kind, Refresh: 1, Options: []object{}, Current: object{}}
}

// influxSource returns the variable for the data source of all Flux queries.
func influxSource() *variable {
	return source("datasource", "influxdb", "An InfluxDB data source with the query language Flux. Its default bucket must have the measurements.")
}

// queried returns a variable whose values come from a query, sorted by name. The user chooses one; at the start it is the first.
func queried(name, label, description, query string) *variable {
	return &variable{Name: name, Label: label, Type: "query", Description: description, Datasource: &influx, Query: query, Refresh: 2,
		Sort: new(1), Options: []object{}, Current: object{}}
}

// withAll lets the user choose several values or All. All is chosen at the start. All is a regular expression that matches
// everything, because a list of all values could be long. It also matches values that the query did not list.
func (v *variable) withAll() *variable {
	v.Multi, v.IncludeAll, v.AllValue = true, true, ".*"
	v.Current = object{"text": []string{"All"}, "value": []string{"$__all"}, "selected": true}
	return v
}

// textbox returns a variable whose value the user types.
func textbox(name, label, description, value string) *variable {
	option := object{"text": value, "value": value, "selected": true}
	return &variable{Name: name, Label: label, Type: "textbox", Description: description, Query: value, Options: []object{option}, Current: option}
}

// choice returns a variable with fixed values. pairs has a text and a value, several times. The first value is chosen.
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

// multi lets the user choose several values of a choice. All are chosen at the start.
func (v *variable) multi() *variable {
	var texts, values []any
	for _, o := range v.Options {
		o["selected"] = true
		texts, values = append(texts, o["text"]), append(values, o["value"])
	}
	v.Multi, v.Current = true, object{"text": texts, "value": values, "selected": true}
	return v
}

func projectVariable() *variable {
	return queried("project", "Project", "The project of the measurements. pytest's --remote-server names it.", tagValues("project"))
}

func envVariable() *variable {
	return queried("env", "Machine class", "The class of machine. Only measurements of the same class are compared.", tagValues("env", inProject))
}

func componentVariable() *variable {
	return queried("component", "Component", "The components that the test suite declares. (none) stands for tests without a component.",
		tagValues("component", inProject, inEnv)).withAll()
}

func branchVariable() *variable {
	return queried("branch", "Branch", "The branches of the judged runs. They come from the tag branch or from the CI. All includes runs without a branch.", `from(bucket: v.defaultBucket)
  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
  |> filter(fn: (r) => r._measurement == "runs" and r._field == "branch" and `+inProject+`)
  |> group()
  |> unique()
  |> keep(columns: ["_value"])
  |> sort()
`).withAll()
}

func kindVariable() *variable {
	return choice("kind", "Kind", "Show single tests, or whole modules if pytest-monitor measures them.", "Tests", "function", "Modules", "module")
}

func searchVariable() *variable {
	return textbox("search", "Search", `A regular expression for the module, the function or the test. Case does not matter. Write \/ for a slash.`, "")
}

// commitVariable returns the variable for the address of the page of a commit, without the commit itself.
func commitVariable() *variable {
	return textbox("commit_url", "Commit page", "The address of the page of a commit, without the commit at its end. Example: https://github.com/OWNER/REPOSITORY/commit/",
		"https://github.com/search?type=commits&q=hash:")
}

// bridgeVariable returns the variable for the address of the bridge.
func bridgeVariable() *variable {
	return textbox("bridge_url", "Bridge", "The address of the bridge, for links to its pages, without a slash at its end. Example: https://pymon.example.org",
		"http://localhost:8080")
}

// runVariable returns a variable that lists the judged runs by time, branch and commit, the newest first. offset is the
// number of newest runs that the list leaves out.
func runVariable(name, label, description, condition string, offset string) *variable {
	v := queried(name, label, description, `import "strings"

`+runs("machines", condition, "run", "scm_ref", "branch")+`  |> group()
  |> sort(columns: ["_time"], desc: true)
  |> unique(column: "run")
  |> limit(n: 200, offset: `+offset+`)
  |> map(fn: (r) => ({_value: strings.substring(v: string(v: r._time), start: 0, end: 16) + " " + strings.replaceAll(v: r.branch, t: "|", u: " ") + " " + strings.substring(v: r.scm_ref, start: 0, end: 8) + "|" + r.run}))
`)
	*v.Sort = 0 // as the query has them
	v.Regex = `/^(?<text>[^|]*)\|(?<value>.*)$/`
	return v
}
