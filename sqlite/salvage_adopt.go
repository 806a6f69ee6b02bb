package sqlite

import (
	"context"
	"math"
	"slices"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite/pages"
)

// settleHashes drops a page of hashes that the twin contradicts, unless only the page looks like hashes: it may be one of the
// table components, which has the same shape.
func (s *salvage) settleHashes() {
	sh := s.shapes["hashes"]
	known := make(map[int64]any)
	digests := true
	for _, f := range s.found[sh.twin.index] {
		rows, _, _ := s.file.Rows(s.file.Read(f.number))
		for _, entry := range rows {
			if id, row, ok := sh.fromTwin(entry.Values); ok {
				known[id] = row[1]
				digests = digests && isDigest(row[1].(string))
			}
		}
	}
	s.found["hashes"] = slices.DeleteFunc(s.found["hashes"], func(f foundPage) bool {
		rows, _, _ := s.file.Rows(s.file.Read(f.number))
		differ := 0
		for _, row := range rows {
			if h, ok := known[row.Rowid]; ok && len(row.Values) > 1 && h != row.Values[1] {
				differ++
			}
		}
		if 2*differ <= len(rows) || !digests && looksLike("hashes", rows) {
			return false
		}
		s.hurt["hashes"] = true
		if !digests {
			delete(s.found, sh.twin.index) // nothing tells which is right
		}
		return true
	})
}

// adopt finds the pages of tables that nothing leads to. Pointer maps tell the root of a page. Otherwise the rows must
// have the shape of one table that lacks pages, and of no other.
func (s *salvage) adopt(ctx context.Context) error {
	var lacking []string
	owner := make(map[uint32]string)
	for name, root := range s.roots {
		owner[root] = name
	}
	for name, sh := range s.shapes {
		if sh.rowids && s.broken[name] {
			lacking = append(lacking, name)
		}
	}
	for number := uint32(1); number <= s.file.Count; number++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.seen[number] {
			continue
		}
		p := s.file.Read(number)
		if p == nil || p.Kind == 0 || p.Kind == pages.TableInterior || s.file.Free(number) {
			continue
		}
		name := s.ownerOf(p, owner[s.file.RootOf(number)], lacking)
		if name == "" {
			continue
		}
		s.found[name] = append(s.found[name], foundPage{number, false, math.MinInt64, math.MaxInt64})
	}
	return nil
}

// ownerOf returns the table or twin that a page belongs to, empty when nothing tells. mapped is what pointer maps say.
func (s *salvage) ownerOf(p *pages.Page, mapped string, lacking []string) string {
	if !p.Kind.Table() {
		for _, name := range lasting {
			if sh := s.shapes[name]; sh != nil && sh.twin.index == mapped {
				return mapped
			}
		}
		return ""
	}
	// An old root may have been without pages below it. So this does not ask whether the table lacks pages.
	if sh := s.shapes[mapped]; sh != nil && sh.rowids && slices.Contains(lasting, mapped) {
		if fit, misfit := s.count(p, sh); fit > misfit {
			s.hurt[mapped] = true
			return mapped
		}
	}
	rows, _, _ := s.file.Rows(p)
	var fitting []string
	for _, name := range lacking {
		if fit, misfit := s.count(p, s.shapes[name]); fit > 0 && misfit == 0 {
			fitting = append(fitting, name)
		}
	}
	fitting = slices.DeleteFunc(fitting, func(name string) bool { return len(fitting) > 1 && !looksLike(name, rows) })
	if len(fitting) != 1 || !slices.Contains(lasting, fitting[0]) {
		return ""
	}
	return fitting[0]
}

// looksLike says that rows which fit a table are not of the other table that has the same shape: texts may have the shape of
// series, and components that of hashes.
func looksLike(name string, rows []pages.Row) bool {
	for _, row := range rows {
		text, _ := row.Values[min(1, len(row.Values)-1)].(string)
		if name == "series" && isTime(text) || name == "hashes" && !isDigest(text) || name == "components" {
			return false
		}
	}
	return true
}

func isTime(s string) bool {
	_, err := monitor.ParseTime(s)
	return err == nil
}

// isDigest says that a text is what clients make: a hash in hexadecimal digits.
func isDigest(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) >= 16
}
