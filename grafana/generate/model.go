package main

// object is a JSON object of Grafana's model without a Go type of its own.
type object = map[string]any

// dashboard is the part of Grafana's JSON model of a dashboard that our dashboards use, schema version 42.
type dashboard struct {
	UID           string     `json:"uid"`
	ID            *int       `json:"id"` // always null: each Grafana server assigns its own ids
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	SchemaVersion int        `json:"schemaVersion"`
	Version       int        `json:"version"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"`
	Timezone      string     `json:"timezone"`
	WeekStart     string     `json:"weekStart"`
	FiscalYear    int        `json:"fiscalYearStartMonth"`
	Refresh       string     `json:"refresh"`
	LiveNow       bool       `json:"liveNow"`
	Time          timeRange  `json:"time"`
	Timepicker    object     `json:"timepicker"`
	Links         []object   `json:"links"`
	Annotations   list       `json:"annotations"`
	Templating    templating `json:"templating"`
	Panels        []*panel   `json:"panels"`

	file string // name of its file without the extension
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type list struct {
	List []object `json:"list"`
}

type templating struct {
	List []*variable `json:"list"`
}

// datasource refers to a data source. Our dashboards refer to it by a variable, so that the user chooses it.
type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

var (
	influx     = datasource{"influxdb", "${datasource}"}
	prometheus = datasource{"prometheus", "${prometheus}"}
)

// newDashboard returns a dashboard without panels. It shows 30 days, its graphs share a crosshair, and it has links to the
// other dashboards.
func newDashboard(file, title, description string) *dashboard {
	return &dashboard{
		UID: "pymon-" + file, Title: title, Description: description, Tags: []string{"pytest", tag}, SchemaVersion: 42, Version: 1,
		Editable: true, GraphTooltip: 1, Timezone: "browser", Time: timeRange{"now-30d", "now"}, Timepicker: object{},
		Links: []object{{"type": "dashboards", "title": "Tests", "tags": []string{tag}, "asDropdown": false, "icon": "external link",
			"includeVars": true, "keepTime": true, "targetBlank": false, "tooltip": "", "url": ""}},
		Annotations: list{[]object{{"builtIn": 1, "datasource": datasource{"grafana", "-- Grafana --"}, "enable": true, "hide": true,
			"iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard"}}},
		file: file,
	}
}

// tag is on all our dashboards. The links between them use it.
const tag = "pymon-bridge"

// annotate adds a vertical line for each row of a Flux query. A row has `_time`, `title`, `text` and `tags`; the tags are
// separated by commas.
func (d *dashboard) annotate(name, colour, query string) {
	d.Annotations.List = append(d.Annotations.List, object{"name": name, "datasource": influx, "enable": true, "hide": false,
		"iconColor": colour, "target": object{"refId": "Anno", "query": query}})
}

// variables adds variables. A variable can use the variables before it.
func (d *dashboard) variables(v ...*variable) { d.Templating.List = append(d.Templating.List, v...) }

// columns is the width of Grafana's grid.
const columns = 24

// line adds panels side by side, below the existing panels.
func (d *dashboard) line(height int, panels ...*panel) {
	x, y := 0, d.bottom()
	for _, p := range panels {
		p.ID = len(d.Panels) + 1
		p.GridPos = gridPos{X: x, Y: y, W: p.GridPos.W, H: height}
		x += p.GridPos.W
		d.Panels = append(d.Panels, p)
	}
}

// row adds a heading. If repeat is the name of a variable, Grafana repeats the row and its panels for each chosen value.
func (d *dashboard) row(title, repeat string) {
	d.line(1, &panel{Type: "row", Title: title, Repeat: repeat, Collapsed: new(bool), GridPos: gridPos{W: columns}})
}

func (d *dashboard) bottom() int {
	bottom := 0
	for _, p := range d.Panels {
		bottom = max(bottom, p.GridPos.Y+p.GridPos.H)
	}
	return bottom
}
