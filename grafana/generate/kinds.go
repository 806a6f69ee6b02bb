package main

// legend is where a panel says what its colours mean.
func legend(show bool) object {
	return object{"displayMode": "list", "placement": "bottom", "showLegend": show, "calcs": []string{}}
}

// reduced is what panels that show one number of each column need to be told.
func reduced(fields string, values bool, limit int) object {
	options := object{"calcs": []string{"lastNotNull"}, "fields": fields, "values": values}
	if limit > 0 {
		options["limit"] = limit
	}
	return options
}

// graph returns lines through the points of runs.
func graph(width int, title, description, unit string) *panel {
	return newPanel("timeseries", width, title, description, unit, object{"legend": legend(true), "tooltip": object{"mode": "multi", "sort": "desc"}}).
		set("color", object{"mode": "palette-classic"}).
		custom("drawStyle", "line").custom("lineInterpolation", "linear").custom("lineWidth", 1).custom("fillOpacity", 0).
		custom("showPoints", "always").custom("pointSize", 5).custom("spanNulls", true)
}

// bars returns a bar for each run, at its time.
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

// chart returns bars beside each other, each with a text from the column x.
func chart(width int, title, description, unit, x string, slant int, values string) *panel {
	return newPanel("barchart", width, title, description, unit, object{"xField": x, "orientation": "vertical", "xTickLabelRotation": slant,
		"xTickLabelSpacing": -slant * 100 / 45, "showValue": values, "legend": legend(false), "tooltip": object{"mode": "single", "sort": "none"},
		"barWidth": 0.8, "groupWidth": 0.7, "stacking": "none", "fullHighlight": false}).
		set("min", 0).set("color", fixedColour("blue")).custom("fillOpacity", 70).custom("lineWidth", 0)
}

// numbers returns large numbers, one for each column: the last row, with the others as a line behind it.
func numbers(width int, title, description, unit string) *panel {
	return newPanel("stat", width, title, description, unit, object{"reduceOptions": reduced("", false, 0), "graphMode": "area", "colorMode": "value",
		"textMode": "value_and_name", "justifyMode": "auto", "orientation": "auto"}).set("color", fixedColour("blue"))
}

// ranking returns a horizontal bar for each row, as long as the column says.
func ranking(width int, title, description, unit, column string, limit int) *panel {
	return newPanel("bargauge", width, title, description, unit, object{"reduceOptions": reduced("/^"+column+"$/", true, limit), "orientation": "horizontal",
		"displayMode": "gradient", "valueMode": "color", "showUnfilled": true, "namePlacement": "left", "sizing": "auto", "minVizHeight": 16,
		"minVizWidth": 8, "maxVizHeight": 300, "legend": legend(false)}).set("min", 0).set("color", object{"mode": "continuous-BlYlRd"})
}

// table returns a table whose columns stand in the given order.
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

// states returns a band for each series that is coloured by the verdict until the next one.
func states(width int, title, description string) *panel {
	return newPanel("state-timeline", width, title, description, "string", object{"showValue": "auto", "rowHeight": 0.9, "mergeValues": true,
		"alignValue": "left", "legend": legend(true), "tooltip": object{"mode": "single", "sort": "none"}}).
		set("mappings", statuses()).set("color", fixedColour("text")).custom("lineWidth", 0).custom("fillOpacity", 70)
}

// cells returns a coloured cell for each verdict, and nothing where there is none.
func cells(width int, title, description string) *panel {
	return newPanel("status-history", width, title, description, "string", object{"showValue": "never", "rowHeight": 0.8, "colWidth": 0.9,
		"legend": legend(true), "tooltip": object{"mode": "single", "sort": "none"}}).
		set("mappings", statuses()).set("color", fixedColour("text")).custom("lineWidth", 0).custom("fillOpacity", 80)
}
