package main

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"

	"pymon-bridge/report"
)

// pageOf returns the address of the page of a run, "" for none.
type pageOf func(project, run string) string

// pages returns the addresses of pages of a bridge that listens on l.
func (c *serveCmd) pages(l net.Listener) *pageOf {
	public := c.address(l)
	page := pageOf(func(project, run string) string { return report.RunPage(public, project, run) })
	return &page
}

// address returns where people reach the bridge.
func (c *serveCmd) address(l net.Listener) string {
	if c.PublicURL != nil {
		return c.PublicURL.String()
	}
	return baseURL(l, c.TLSCert != "")
}

// pageLog adds to each line about a run the address of its page, from the time on when page has a function. Every format of the
// log has it. For people, it stands in place of the id of the run.
type pageLog struct {
	slog.Handler
	page   *atomic.Pointer[pageOf]
	people bool
	attrs  []slog.Attr
}

// WithAttrs implements [slog.Handler].
func (p *pageLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &pageLog{p.Handler, p.page, p.people, slices.Concat(p.attrs, attrs)}
}

// WithGroup implements [slog.Handler].
func (p *pageLog) WithGroup(name string) slog.Handler {
	return p.Handler.WithAttrs(p.attrs).WithGroup(name)
}

// Handle implements [slog.Handler].
func (p *pageLog) Handle(ctx context.Context, r slog.Record) error {
	attrs := slices.Clone(p.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	project, run, at := "", "", -1
	for i, a := range attrs {
		switch a.Key {
		case "project":
			project = a.Value.String()
		case "run":
			run, at = a.Value.String(), i
		}
	}
	if page := p.page.Load(); page != nil && project != "" {
		if address := (*page)(project, run); address != "" {
			attrs = append(attrs, slog.String("page", address))
			if p.people {
				attrs = slices.Delete(attrs, at, at+1)
			}
		}
	}
	whole := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	whole.AddAttrs(attrs...)
	return p.Handler.Handle(ctx, whole)
}
