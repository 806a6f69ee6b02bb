package main

import (
	"io"
	"net/url"
	"strconv"

	"pymon-bridge/api"
	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// printerOf reads from a query how a report is to be written: the same names as the flags of `check`.
func printerOf(query url.Values) (api.Printer, error) {
	format, failOn, all := report.JSON, report.FailOnRegression, false
	fields := map[string]string{}
	read(query, "format", fields, func(text string) (err error) { format, err = report.ParseFormat(text); return })
	read(query, "fail_on", fields, func(text string) (err error) { failOn, err = report.ParseFailOn(text); return })
	read(query, "all", fields, func(text string) (err error) {
		if all, err = strconv.ParseBool(text); err != nil {
			err = monitor.Errorf(monitor.EInvalid, "expected true or false")
		}
		return
	})
	if len(fields) > 0 {
		return api.Printer{}, &monitor.Error{Code: monitor.EInvalid, Message: "the report cannot be written as asked", Fields: fields}
	}
	options := report.Options{FailOn: failOn, All: all}
	return api.Printer{
		ContentType: format.ContentType(),
		Print:       func(w io.Writer, r *monitor.Report) error { return report.Write(w, format, r, options) },
		Gate:        func(r *monitor.Report) api.Gate { return gateOf(r, failOn) },
	}, nil
}

// gateOf says of a report what the exit status of `check` says.
func gateOf(r *monitor.Report, on report.FailOn) api.Gate {
	fails, _ := report.Outcome(r, on)
	switch {
	case fails:
		return api.GateFail
	case report.Unjudged(r) != "":
		return api.GateNotJudged
	default:
		return api.GatePass
	}
}

// read hands a parameter that is there to parse, and notes its error by the parameter's name.
func read(query url.Values, name string, fields map[string]string, parse func(text string) error) {
	if text := query.Get(name); text != "" {
		if err := parse(text); err != nil {
			fields[name] = err.Error()
		}
	}
}
