package main

// object is a part of Grafana's model that has no structure worth a type of its own.
type object = map[string]any

// dashboard is Grafana's JSON model of a dashboard, schema version 42, with what ours set of it.
type dashboard struct {
	UID           string     `json:"uid"`
	ID            *int       `json:"id"` // always null: an id belongs to one Grafana
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

	file string // its file's name without extension
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

// datasource refers to a data source; ours always by a variable that the reader chooses.
type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

var (
	influx     = datasource{"influxdb", "${datasource}"}
	prometheus = datasource{"prometheus", "${prometheus}"}
)

// newDashboard returns a dashboard without panels: a month, crosshairs shared by all graphs, links to the others.
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

// tag is what all our dashboards have in common, so that they find each other.
const tag = "pymon-bridge"

// annotate adds vertical lines at what the query says: `_time`, `title`, `text` and `tags`, separated by commas.
func (d *dashboard) annotate(name, colour, query string) {
	d.Annotations.List = append(d.Annotations.List, object{"name": name, "datasource": influx, "enable": true, "hide": false,
		"iconColor": colour, "target": object{"refId": "Anno", "query": query}})
}

// variables adds variables, in the order in which each may use those before it.
func (d *dashboard) variables(v ...*variable) { d.Templating.List = append(d.Templating.List, v...) }

// columns is how wide Grafana's grid is.
const columns = 24

// line adds panels beside each other below what is there, each of its own width.
func (d *dashboard) line(height int, panels ...*panel) {
	x, y := 0, d.bottom()
	for _, p := range panels {
		p.ID = len(d.Panels) + 1
		p.GridPos = gridPos{X: x, Y: y, W: p.GridPos.W, H: height}
		x += p.GridPos.W
		d.Panels = append(d.Panels, p)
	}
}

// row adds a heading. With a variable's name, the row and its panels are there once for each chosen value.
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
