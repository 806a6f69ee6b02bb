package main

import "slices"

// panel is a panel of a dashboard, or the heading of a row.
type panel struct {
	ID              int          `json:"id"`
	Type            string       `json:"type"`
	Title           string       `json:"title"`
	Description     string       `json:"description,omitempty"`
	Datasource      *datasource  `json:"datasource,omitempty"`
	GridPos         gridPos      `json:"gridPos"`
	Collapsed       *bool        `json:"collapsed,omitempty"`
	Repeat          string       `json:"repeat,omitempty"`
	FieldConfig     *fieldConfig `json:"fieldConfig,omitempty"`
	Options         object       `json:"options,omitempty"`
	Targets         []target     `json:"targets,omitempty"`
	Transformations []object     `json:"transformations,omitempty"`
}

type gridPos struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

type fieldConfig struct {
	Defaults  object     `json:"defaults"`
	Overrides []override `json:"overrides"`
}

type override struct {
	Matcher    matcher    `json:"matcher"`
	Properties []property `json:"properties"`
}

type matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

type property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

type target struct {
	RefID        string     `json:"refId"`
	Datasource   datasource `json:"datasource"`
	Query        string     `json:"query,omitempty"`
	Expr         string     `json:"expr,omitempty"`
	LegendFormat string     `json:"legendFormat,omitempty"`
	Range        bool       `json:"range,omitempty"`
}

// newPanel returns a panel of the given width. Every panel must have a description and a unit.
func newPanel(kind string, width int, title, description, unit string, options object) *panel {
	source := influx
	return &panel{Type: kind, Title: title, Description: description, Datasource: &source, GridPos: gridPos{W: width}, Options: options,
		FieldConfig: &fieldConfig{Defaults: object{"unit": unit, "noValue": "no data"}, Overrides: []override{}}}
}

// addFlux adds a Flux query.
func (p *panel) addFlux(query string) *panel {
	p.Targets = append(p.Targets, target{RefID: string(rune('A' + len(p.Targets))), Datasource: influx, Query: query})
	return p
}

// addPromQL adds a PromQL query.
func (p *panel) addPromQL(legend, expr string) *panel {
	*p.Datasource = prometheus
	p.Targets = append(p.Targets, target{RefID: string(rune('A' + len(p.Targets))), Datasource: prometheus, Expr: expr, LegendFormat: legend, Range: true})
	return p
}

// set sets a default for all fields, such as "min".
func (p *panel) set(key string, value any) *panel {
	p.FieldConfig.Defaults[key] = value
	return p
}

// custom sets an option for drawing all fields. The options depend on the kind of the panel.
func (p *panel) custom(key string, value any) *panel {
	custom, _ := p.FieldConfig.Defaults["custom"].(object)
	if custom == nil {
		custom = object{}
	}
	custom[key] = value
	return p.set("custom", custom)
}

// field sets properties of the column with this name. If title is empty, the panel shows the name.
func (p *panel) field(name, title string, properties ...property) *panel {
	if title != "" {
		properties = slices.Insert(properties, 0, property{"displayName", title})
	}
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, override{matcher{"byName", name}, properties})
	return p
}

func unit(name string) property    { return property{"unit", name} }
func decimals(n int) property      { return property{"decimals", n} }
func width(pixels int) property    { return property{"custom.width", pixels} }
func fixed(colour string) property { return property{"color", fixedColour(colour)} }

func fixedColour(colour string) object { return object{"mode": "fixed", "fixedColor": colour} }

// steps returns thresholds that colour a number. pairs has a colour and the lowest number with this colour, several times.
// The first colour also applies to all lower numbers.
func steps(pairs ...any) object {
	var all []object
	for i := 0; i < len(pairs); i += 2 {
		step := object{"color": pairs[i], "value": pairs[i+1]}
		if i == 0 {
			step["value"] = nil
		}
		all = append(all, step)
	}
	return object{"mode": "absolute", "steps": all}
}

// coloured returns properties that colour a number by thresholds, also in a cell of a table.
func coloured(thresholds object) []property {
	return []property{{"custom.cellOptions", object{"type": "color-text"}}, {"color", object{"mode": "thresholds"}}, {"thresholds", thresholds}}
}

// change returns the properties of a column with a relative change: 0.1 is 10 % more.
func change() []property {
	return append([]property{unit("percentunit"), decimals(0), width(90)}, coloured(steps("green", 0, "text", -0.05, "orange", 0.1, "red", 0.5))...)
}

// link is a data link of a column.
type link struct {
	Title       string `json:"title"`
	URL         string `json:"url"`
	TargetBlank bool   `json:"targetBlank,omitempty"`
}

func links(l ...link) property { return property{"links", l} }

// statuses returns the text and the colour of each status.
func statuses() []object {
	options := object{}
	for i, s := range [][3]string{{"regression", "regression", "red"}, {"suspect", "suspect", "orange"}, {"drift", "slow growth", "purple"}, {"accepted", "accepted", "text"}, {"improvement", "improvement", "green"},
		{"resolved", "resolved", "green"}, {"slow_machine", "slow machine", "orange"}, {"ok", "ok", "green"}, {"learning", "learning", "blue"}, {"not_judged", "not judged", "text"}} {
		options[s[0]] = object{"text": s[1], "color": s[2], "index": i}
	}
	return []object{{"type": "value", "options": options}}
}

// status returns the properties of a column with a status.
func status() []property {
	return []property{{"mappings", statuses()}, {"custom.cellOptions", object{"type": "color-text"}}}
}
