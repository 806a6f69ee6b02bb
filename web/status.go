package web

import (
	"fmt"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// Condition is how a bridge is at one moment.
type Condition struct {
	Health      []monitor.Health
	Journal     monitor.JournalStats
	Destination monitor.Destination // where the bridge delivers; empty for nowhere
	Connections map[string]int      // number of open connections, by what they do
	MaxConns    int
	Judges      bool // this bridge judges runs that have ended
	ToJudge     int  // number of runs that wait to be judged
	Since       time.Time
}

// statusPage says how the bridge is.
type statusPage struct {
	OK          bool           `json:"ok"`
	Components  []component    `json:"components"`
	Destination string         `json:"destination"`
	Waiting     int64          `json:"waiting"` // records that are neither delivered nor dead letters, like the next two
	Parked      int64          `json:"parked"`
	Aside       int64          `json:"set_aside"`
	Oldest      *time.Time     `json:"oldest"` // arrival of the oldest of them; null for none
	DeadLetters int64          `json:"dead_letters"`
	Bytes       int64          `json:"bytes"`
	Free        int64          `json:"free"` // on the disk; -1 when unknown
	Connections map[string]int `json:"connections"`
	MaxConns    int            `json:"max_connections"`
	Judges      bool           `json:"judges"`
	ToJudge     int            `json:"to_judge"`
	Since       time.Time      `json:"since"`
	Version     string         `json:"version"`
	Now         time.Time      `json:"-"`
}

// component is a part of the bridge.
type component struct {
	Name     string `json:"component"`
	OK       bool   `json:"ok"`
	Required bool   `json:"required"` // the bridge accepts no records while it is not OK
	Detail   string `json:"detail"`
}

const statusPath = "/-/status"

// status answers whether the bridge accepts and delivers.
func (p *Pages) status(v *visit) (*view, error) {
	c, err := p.Condition(v.Request.Context())
	if err != nil {
		return nil, err
	}
	data := &statusPage{OK: true, Destination: string(c.Destination), Waiting: c.Journal.Depth, Parked: c.Journal.Parked - c.Journal.Aside,
		Aside: c.Journal.Aside, DeadLetters: c.Journal.DeadLetters, Bytes: c.Journal.Bytes, Free: c.Journal.Free, Connections: c.Connections,
		MaxConns: c.MaxConns, Judges: c.Judges, ToJudge: c.ToJudge, Since: c.Since.UTC(), Version: p.parts.Version, Now: p.Now()}
	if !c.Journal.Oldest.IsZero() {
		oldest := c.Journal.Oldest.UTC()
		data.Oldest = &oldest
	}
	for _, h := range c.Health {
		data.OK = data.OK && h.OK
		data.Components = append(data.Components, component{h.Component, h.OK, h.Required, h.Detail})
	}
	return &view{Template: "condition", Fragments: []string{"condition-live"}, Title: data.Headline(), Place: statusPath, Data: data}, nil
}

// Headline says in a few words how the bridge is.
func (d *statusPage) Headline() string {
	switch {
	case d.Status() == "failed":
		return "The bridge accepts no records"
	case !d.OK:
		return "Records are accepted and kept, but not delivered"
	case d.Destination == "":
		return "Records are accepted"
	}
	return "Records are accepted and delivered"
}

// Status is the class of the sentence.
func (d *statusPage) Status() string {
	for _, c := range d.Components {
		if c.Required && !c.OK {
			return "failed"
		}
	}
	if !d.OK {
		return "problem"
	}
	return "ok"
}

// Sign is the sign of a component.
func (c component) Sign() string {
	switch {
	case c.OK:
		return "ok"
	case c.Required:
		return "failed"
	}
	return "suspect"
}

// Word is the word for the sign.
func (c component) Word() string {
	if c.OK {
		return "ok"
	}
	return "not ok"
}

// Age says how long the oldest record has waited.
func (d *statusPage) Age() string { return span(d.Now.Sub(*d.Oldest).Seconds()) }

// Open is the number of connections.
func (d *statusPage) Open() (n int) {
	for _, count := range d.Connections {
		n += count
	}
	return n
}

// Phases lists what connections do.
func (d *statusPage) Phases() (all []string) {
	for phase, n := range d.Connections {
		if n > 0 {
			all = append(all, fmt.Sprintf("%s %s", thousands(n), phase))
		}
	}
	slices.Sort(all)
	return all
}

func size(bytes int64) string {
	value, unit := float64(bytes)/(1<<20), "MiB"
	switch {
	case bytes < 0:
		return "unknown"
	case bytes < 1<<20:
		value, unit = float64(bytes)/(1<<10), "KiB"
	case bytes >= 1<<30:
		value, unit = float64(bytes)/(1<<30), "GiB"
	}
	if value < 100 {
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}
