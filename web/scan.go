package web

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
)

const (
	scanPart = 200  // runs that are read at a time
	maxScan  = 1000 // runs that one page looks at
)

// position is a place in the list of runs, after the run with this start and id. The zero value is the beginning.
type position struct {
	started int64 // UTC nanoseconds
	run     string
}

// String returns the position as a value in the query of a page.
func (p position) String() string { return strconv.FormatInt(p.started, 10) + "-" + p.run }

func positionOf(info *monitor.RunInfo) position { return position{info.Started, info.ID} }

// position returns the value of a parameter that is a position, or the beginning.
func (s *state) position(name string) position {
	text := s.text(name, "")
	if text == "" {
		return position{}
	}
	number, run, ok := strings.Cut(text, "-")
	started, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || started <= 0 {
		s.wrong[name] = "expected a position in the list, as its links have it: a number of nanoseconds, a minus and a run"
	}
	return position{started, run}
}

// scan calls take with runs after a position, the latest first, a part at a time, until take returns false, no run is left,
// or it has read maxScan runs. It says whether there are more runs. Runs of the same nanosecond are in the order of their ids.
func (p *Pages) scan(ctx context.Context, q monitor.RunInfoQuery, after position, take func(part []*monitor.RunInfo) (more bool, err error)) (bool, error) {
	for size, read := scanPart, 0; read < maxScan; {
		if q.Limit = size; after.started != 0 {
			q.Before = after.started + 1 // others may have started in the same nanosecond
		}
		part, err := p.parts.Store.RunInfos(ctx, q)
		if err != nil {
			return false, err
		}
		whole := len(part) == size
		part = slices.DeleteFunc(part, func(info *monitor.RunInfo) bool {
			return info.Started == after.started && info.ID <= after.run
		})
		if whole && len(part) == 0 {
			size *= 2
			continue
		}
		if part = part[:min(len(part), maxScan-read)]; len(part) > 0 {
			more, err := take(part)
			if err != nil || !more {
				return true, err
			}
			read, after = read+len(part), positionOf(part[len(part)-1])
		}
		if !whole {
			return false, nil
		}
	}
	return true, nil
}
