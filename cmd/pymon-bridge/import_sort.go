package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// sorter gives the records of a file their projects and zones.
type sorter struct {
	target  importTarget
	as      *monitor.Import // of records of `.pymon` files; nil for those of a bridge's file
	project string          // of records that have none; all get it with rename
	rename  bool
	only    bool // leave out the records of other projects

	projects map[string]string          // by session
	first    string                     // the project of the first session
	machines map[string]*monitor.Record // contexts that no project has yet, by hash
	placed   map[[2]string]bool         // contexts that a project has
}

func (c *importCmd) sorterOf(s *sqlite.Source, target importTarget) (*sorter, error) {
	zone, err := c.zoneOf()
	if err != nil {
		return nil, err
	}
	sort := &sorter{target: target, project: c.Project, projects: map[string]string{},
		machines: map[string]*monitor.Record{}, placed: map[[2]string]bool{}}
	switch {
	case !s.Bridge:
		sort.as = &monitor.Import{Zone: zone}
		if sort.project == "" && c.To == "" {
			sort.project = monitor.DefaultProject
		}
	case c.Project == "":
	case slices.Contains(s.Projects, c.Project):
		sort.only = true
	case len(s.Projects) <= 1:
		sort.rename = true
	default:
		return nil, fmt.Errorf("--project: expected one of the projects of %s, which are %s", s.Path, strings.Join(s.Projects, ", "))
	}
	return sort, nil
}

// records returns records as they are to be stored.
func (s *sorter) records(ctx context.Context, recs []*monitor.Record) ([]*monitor.Record, error) {
	if s.as == nil {
		return s.ofBridge(recs), nil
	}
	sorted := make([]*monitor.Record, 0, len(recs))
	for _, rec := range recs {
		rec.Import = s.as
		if rec.Context != nil {
			s.machines[rec.Context.H] = rec
			continue
		}
		var err error
		if rec.Session != nil {
			rec.Project, err = s.projectOf(ctx, rec.Session.SessionH)
			if s.first == "" {
				s.first = rec.Project
			}
		} else {
			m := rec.Metric
			rec.Project, err = s.projectOf(ctx, m.SessionH)
			sorted = s.withMachine(sorted, rec.Project, m.ContextH)
		}
		if err != nil {
			return nil, err
		}
		sorted = append(sorted, rec)
	}
	return sorted, nil
}

// ofBridge chooses and renames the records of a bridge's file.
func (s *sorter) ofBridge(recs []*monitor.Record) []*monitor.Record {
	return slices.DeleteFunc(recs, func(rec *monitor.Record) bool {
		if s.rename {
			rec.Project = s.project
		}
		return s.only && rec.Project != s.project
	})
}

// projectOf returns the project that has the session, or will have it.
func (s *sorter) projectOf(ctx context.Context, sessionH string) (string, error) {
	if project, ok := s.projects[sessionH]; ok {
		return project, nil
	}
	project, err := s.target.projectOf(ctx, sessionH, s.project)
	if project == "" {
		project = s.project
	}
	s.projects[sessionH] = project
	return project, err
}

// withMachine adds the context of a metric to the records, once for each project that uses it.
func (s *sorter) withMachine(recs []*monitor.Record, project, h string) []*monitor.Record {
	rec, key := s.machines[h], [2]string{project, h}
	if rec == nil || s.placed[key] {
		return recs
	}
	s.placed[key] = true
	own := *rec
	own.Project, own.Context = project, new(*rec.Context)
	return append(recs, &own)
}

// rest returns the contexts that no metric uses. They go where the first session is.
func (s *sorter) rest() (recs []*monitor.Record) {
	used := map[string]bool{}
	for key := range s.placed {
		used[key[1]] = true
	}
	project := s.first
	if project == "" {
		project = s.project
	}
	for h := range s.machines {
		if !used[h] {
			recs = s.withMachine(recs, project, h)
		}
	}
	return recs
}
