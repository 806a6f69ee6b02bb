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
// log has it.
type pageLog struct {
	slog.Handler
	page  *atomic.Pointer[pageOf]
	attrs []slog.Attr
}

// WithAttrs implements [slog.Handler].
func (p *pageLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &pageLog{p.Handler.WithAttrs(attrs), p.page, slices.Concat(p.attrs, attrs)}
}

// Handle implements [slog.Handler].
func (p *pageLog) Handle(ctx context.Context, r slog.Record) error {
	var project, run string
	note := func(a slog.Attr) bool {
		switch a.Key {
		case "project":
			project = a.Value.String()
		case "run":
			run = a.Value.String()
		}
		return true
	}
	for _, a := range p.attrs {
		note(a)
	}
	r.Attrs(note)
	if page := p.page.Load(); page != nil && project != "" {
		if address := (*page)(project, run); address != "" {
			r = r.Clone()
			r.AddAttrs(slog.String("page", address))
		}
	}
	return p.Handler.Handle(ctx, r)
}
