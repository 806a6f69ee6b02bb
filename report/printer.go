package report

import (
	"io"
	"net/url"
	"strconv"

	"pymon-bridge/monitor"
)

// printer implements [monitor.ReportPrinter].
type printer struct {
	Format
	options Options
}

// Print implements [monitor.ReportPrinter].
func (p printer) Print(w io.Writer, r *monitor.Report) error { return Write(w, p.Format, r, p.options) }

// Gate implements [monitor.ReportPrinter].
func (p printer) Gate(r *monitor.Report) monitor.Gate {
	gate, _ := Gate(r, p.options.FailOn)
	return gate
}

// All implements [monitor.ReportPrinter].
func (p printer) All() bool { return p.options.All }

// PrinterOf reads from a query how a report is to be written: the parameters format, fail_on and all are the flags of
// `check`, and item_variant is [Options.ItemVariant]. bridge is where readers reach its pages; empty for no links. Fails with
// EInvalid, naming each parameter that is wrong.
func PrinterOf(query url.Values, bridge string) (monitor.ReportPrinter, error) {
	p := printer{Format: JSON, options: Options{ItemVariant: query.Get("item_variant"), BridgeURL: bridge}}
	problems := map[string]string{}
	read := func(name string, parse func(text string) error) {
		if text := query.Get(name); text != "" {
			if err := parse(text); err != nil {
				problems[name] = err.Error()
			}
		}
	}
	read("format", func(text string) (err error) { p.Format, err = ParseFormat(text); return })
	read("fail_on", func(text string) (err error) { p.options.FailOn, err = ParseFailOn(text); return })
	read("all", func(text string) (err error) {
		if p.options.All, err = strconv.ParseBool(text); err != nil {
			err = monitor.Errorf(monitor.EInvalid, "expected true or false")
		}
		return
	})
	if len(problems) > 0 {
		return nil, &monitor.Error{Code: monitor.EInvalid, Message: "the report cannot be written as asked", Fields: problems}
	}
	return p, nil
}
