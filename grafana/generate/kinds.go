package main

// legend returns the options of a legend, which is below the panel.
func legend(show bool) object {
	return object{"displayMode": "list", "placement": "bottom", "showLegend": show, "calcs": []string{}}
}

// reduceOptions returns the options of panels that show one number per column.
func reduceOptions(fields string, values bool, limit int) object {
	options := object{"calcs": []string{"lastNotNull"}, "fields": fields, "values": values}
	if limit > 0 {
		options["limit"] = limit
	}
	return options
}

// graph returns a panel with lines that connect the points of runs.
func graph(width int, title, description, unit string) *panel {
	return newPanel("timeseries", width, title, description, unit, object{"legend": legend(true), "tooltip": object{"mode": "multi", "sort": "desc"}}).
		set("color", object{"mode": "palette-classic"}).
		custom("drawStyle", "line").custom("lineInterpolation", "linear").custom("lineWidth", 1).custom("fillOpacity", 0).
		custom("showPoints", "always").custom("pointSize", 5).custom("spanNulls", true)
}

// bars returns a panel with a bar for each run, on a time axis.
func bars(width int, title, description, unit string, stacked bool) *panel {
	mode := "none"
	if stacked {
		mode = "normal"
	}
	p := graph(width, title, description, unit).set("min", 0).custom("drawStyle", "bars").custom("fillOpacity", 70).custom("lineWidth", 0).
		custom("barAlignment", 0).custom("showPoints", "never").custom("stacking", object{"mode": mode, "group": "A"})
	p.Options["legend"] = legend(stacked)
	return p
}

// chart returns a panel with bars side by side. The column x has the text below each bar.
func chart(width int, title, description, unit, x string, slant int, values string) *panel {
	return newPanel("barchart", width, title, description, unit, object{"xField": x, "orientation": "vertical", "xTickLabelRotation": slant,
		"xTickLabelSpacing": -slant * 100 / 45, "showValue": values, "legend": legend(false), "tooltip": object{"mode": "single", "sort": "none"},
		"barWidth": 0.8, "groupWidth": 0.7, "stacking": "none", "fullHighlight": false}).
		set("min", 0).set("color", fixedColour("blue")).custom("fillOpacity", 70).custom("lineWidth", 0)
}

// numbers returns a panel with one large number per column. The number is the value of the last row. A line behind it
// shows all rows.
func numbers(width int, title, description, unit string) *panel {
	return newPanel("stat", width, title, description, unit, object{"reduceOptions": reduceOptions("", false, 0), "graphMode": "area", "colorMode": "value",
		"textMode": "value_and_name", "justifyMode": "auto", "orientation": "auto"}).set("color", fixedColour("blue"))
}

// ranking returns a panel with a horizontal bar for each row. The column has the length of the bar.
func ranking(width int, title, description, unit, column string, limit int) *panel {
	return newPanel("bargauge", width, title, description, unit, object{"reduceOptions": reduceOptions("/^"+column+"$/", true, limit), "orientation": "horizontal",
		"displayMode": "gradient", "valueMode": "color", "showUnfilled": true, "namePlacement": "left", "sizing": "auto", "minVizHeight": 16,
		"minVizWidth": 8, "maxVizHeight": 300, "legend": legend(false)}).set("min", 0).set("color", object{"mode": "continuous-BlYlRd"})
}

// table returns a table with its columns in the given order.
func table(width int, title, description, unit string, order ...string) *panel {
	p := newPanel("table", width, title, description, unit, object{"showHeader": true, "cellHeight": "sm", "sortBy": []any{},
		"footer": object{"show": false, "reducer": []string{"sum"}, "countRows": false, "fields": ""}}).
		custom("align", "auto").custom("inspect", false).custom("filterable", true).custom("cellOptions", object{"type": "auto"})
	index := object{}
	for i, column := range order {
		index[column] = i
	}
	p.Transformations = []object{{"id": "organize", "options": object{"excludeByName": object{}, "renameByName": object{}, "indexByName": index}}}
	return p
}

// states returns a panel with a band for each series. Each verdict colours the band until the next verdict.
func states(width int, title, description string) *panel {
	return newPanel("state-timeline", width, title, description, "string", object{"showValue": "auto", "rowHeight": 0.9, "mergeValues": true,
		"alignValue": "left", "legend": legend(true), "tooltip": object{"mode": "single", "sort": "none"}}).
		set("mappings", statuses()).set("color", fixedColour("text")).custom("lineWidth", 0).custom("fillOpacity", 70)
}

// cells returns a panel with a coloured cell for each verdict.
func cells(width int, title, description string) *panel {
	return newPanel("status-history", width, title, description, "string", object{"showValue": "never", "rowHeight": 0.8, "colWidth": 0.9,
		"legend": legend(true), "tooltip": object{"mode": "single", "sort": "none"}}).
		set("mappings", statuses()).set("color", fixedColour("text")).custom("lineWidth", 0).custom("fillOpacity", 80)
}
