package main

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"

	"pymon-bridge/report"
)

// address returns where people reach the bridge.
func (c *serveCmd) address(l net.Listener) string {
	if c.PublicURL != nil {
		return c.PublicURL.String()
	}
	return baseURL(l, c.TLSCert != "")
}

// pageLog adds to each line about a run the address of its page, from the time on when the address of the bridge is known. Every format
// of the log has it. For people, it stands in place of the id of the run.
type pageLog struct {
	slog.Handler
	bridge *atomic.Pointer[string]
	people bool
	attrs  []slog.Attr
}

// WithAttrs implements [slog.Handler].
func (p *pageLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &pageLog{p.Handler, p.bridge, p.people, slices.Concat(p.attrs, attrs)}
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
	if bridge := p.bridge.Load(); bridge != nil {
		if page := report.RunPage(*bridge, project, run); page != "" {
			attrs = append(attrs, slog.String("page", page))
			if p.people {
				attrs = slices.Delete(attrs, at, at+1)
			}
		}
	}
	whole := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	whole.AddAttrs(attrs...)
	return p.Handler.Handle(ctx, whole)
}
