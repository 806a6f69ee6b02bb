package sqlite

import (
	"context"
	"slices"

	"pymon-bridge/sqlite/pages"
)

// derived are the tables that follow from the others. They are built again.
var derived = []string{"sequence", "components", "tags", "tallies", "zone_maps", "clocks", "outcome_tallies"}

// lasting are the tables whose rows stay, unless a project or an old run is removed. Their pages are also taken when no
// other page leads to them any more. Pages of other tables that nothing leads to may have rows that were deleted: a token that
// was revoked, a record that is delivered.
var lasting = []string{"hashes", "series", "locations", "contexts", "sessions", "metrics", "outcomes", "texts", "pinned_origins",
	"ends", "destinations", "reports"}

// salvage finds the pages of each table.
type salvage struct {
	file   *pages.File
	shapes map[string]*shape
	roots  map[string]uint32 // of tables and indexes, by name
	guess  map[string]bool   // whose root is not in the schema
	seen   pages.Seen
	found  map[string][]foundPage
	broken map[string]bool // tables of which a part may be out of reach
	hurt   map[string]bool // tables that may have lost rows
}

// foundPage is a page with rows of a table.
type foundPage struct {
	number     uint32
	linked     bool // other pages lead to it
	after, top int64
}

// find finds the pages. layout has the roots of a new file.
func find(ctx context.Context, file *pages.File, shapes map[string]*shape, layout map[string]uint32) (*salvage, error) {
	s := &salvage{file: file, shapes: shapes, roots: make(map[string]uint32), guess: make(map[string]bool),
		seen: make(pages.Seen), found: make(map[string][]foundPage), broken: make(map[string]bool), hurt: make(map[string]bool)}
	if err := s.readSchema(); err != nil {
		return nil, err
	}
	s.guessRoots(layout)
	for name := range shapes {
		if err := s.walk(ctx, name); err != nil {
			return nil, err
		}
	}
	s.settleHashes()
	return s, s.adopt(ctx)
}

// schemaRow is the shape of the table sqlite_schema.
var schemaRow = &shape{name: "sqlite_schema", alias: -1, rowids: true, least: 5, columns: []shapeColumn{{"type", "TEXT", false},
	{"name", "TEXT", false}, {"tbl_name", "TEXT", false}, {"rootpage", "INTEGER", true}, {"sql", "TEXT", true}}}

// readSchema finds the roots of tables and indexes in the table sqlite_schema. Where the first page is lost, its rows are on
// other pages. A name with two roots has none.
func (s *salvage) readSchema() error {
	twice := make(map[string]bool)
	take := func(p *pages.Page) {
		rows, _, _ := s.file.Rows(p)
		for _, row := range rows {
			if !schemaRow.fits(row.Values) {
				continue
			}
			name := row.Values[1].(string)
			root, ok := row.Values[3].(int64)
			if !ok || root < 2 || root > int64(s.file.Count) {
				continue
			}
			twice[name] = twice[name] || s.roots[name] != 0 && s.roots[name] != uint32(root)
			s.roots[name] = uint32(root)
		}
	}
	whole, err := s.file.Walk(1, true, s.seen, func(l pages.Leaf) error {
		take(l.Page)
		return nil
	})
	if err != nil {
		return err
	}
	if !whole {
		for number := range s.file.Count {
			if p := s.file.Read(number + 1); p != nil && p.Kind == pages.TableLeaf && !s.seen[number+1] && s.file.RootOf(number+1) == 1 {
				take(p)
			}
		}
	}
	owner := make(map[uint32]string)
	for name, root := range s.roots {
		if other, ok := owner[root]; ok {
			twice[name], twice[other] = true, true
		}
		owner[root] = name
	}
	for name := range twice {
		if twice[name] {
			delete(s.roots, name)
		}
	}
	return nil
}

// guessRoots gives the tables and indexes that are not in the schema the roots that they have in a new file. All files
// that bridges make have the same roots. So nothing is guessed when a table is elsewhere.
func (s *salvage) guessRoots(layout map[string]uint32) {
	same, other := 0, 0
	for name, root := range layout {
		sh := s.shapes[name]
		switch p := s.file.Read(root); {
		case s.roots[name] == root:
			same++
		case s.roots[name] != 0:
			other++
		case sh == nil || !sh.rowids || p == nil || p.Kind != pages.TableLeaf:
		default:
			if fit, misfit := s.count(p, sh); fit > 0 && misfit == 0 {
				same++
			} else if fit == 0 && misfit > 0 {
				other++
			}
		}
	}
	if same < 3 || other > same/8 {
		return
	}
	taken := make(map[uint32]bool)
	for _, root := range s.roots {
		taken[root] = true
	}
	for name, root := range layout {
		if s.roots[name] == 0 && !taken[root] {
			s.roots[name], s.guess[name] = root, true
		}
	}
}

// count returns how many rows of a page fit a table, and how many do not.
func (s *salvage) count(p *pages.Page, sh *shape) (fit, misfit int) {
	rows, _, _ := s.file.Rows(p)
	for _, row := range rows {
		if sh.fits(row.Values) {
			fit++
		}
	}
	return fit, len(rows) - fit
}

// walk finds the pages of a table that its root leads to, and the pages of its twin.
func (s *salvage) walk(ctx context.Context, name string) error {
	sh := s.shapes[name]
	for _, t := range []struct {
		name  string
		table bool
		fits  func([]any) bool
	}{{name, sh.rowids, sh.fits}, {sh.twin.index, false, func(e []any) bool { _, _, ok := sh.fromTwin(e); return ok }}} {
		if t.name == "" {
			continue
		}
		lasts := slices.Contains(lasting, name)
		whole, err := s.file.Walk(s.roots[t.name], t.table, s.seen, func(l pages.Leaf) error {
			rows, bad, all := s.file.Rows(l.Page)
			fit := 0
			for _, row := range rows {
				if t.fits(row.Values) {
					fit++
				}
			}
			misfit := len(rows) - fit
			if misfit > fit || !lasts && (l.Contested || s.guess[t.name]) || name == "tokens" && !all {
				s.seen[l.Page.Number] = misfit <= fit // else it is a page of another table
				s.broken[t.name], s.hurt[t.name] = true, true
				return ctx.Err()
			}
			s.hurt[t.name] = s.hurt[t.name] || !all || bad > 0 || misfit > 0
			s.found[t.name] = append(s.found[t.name], foundPage{l.Page.Number, true, l.After, l.Top})
			return ctx.Err()
		})
		if err != nil {
			return err
		}
		s.broken[t.name] = s.broken[t.name] || !whole
		s.hurt[t.name] = s.hurt[t.name] || !whole
	}
	return nil
}
