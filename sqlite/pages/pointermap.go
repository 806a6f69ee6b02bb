package pages

import "encoding/binary"

// What a pointer map says of a page. A file that can give back free pages has pointer maps. They say for each page what it
// is, and which page points to it.
const (
	rootPage byte = 1
	freePage byte = 2
	treePage byte = 5 // an interior page points to it; 3 and 4 are overflow pages
)

// mapEntry returns what the pointer map says of a page. ok is false when it says nothing that can be true.
func (f *File) mapEntry(page uint32) (kind byte, parent uint32, ok bool) {
	covers := uint32(f.PageSize / 5)
	if !f.maps || page <= 2 || page > f.Count {
		return 0, 0, false
	}
	at := 2 + (page-2)/(covers+1)*(covers+1)
	if at == page {
		return 0, 0, false // it is a pointer map
	}
	m := f.Read(at)
	if m == nil {
		return 0, 0, false
	}
	entry := m.b[5*(page-at-1):]
	kind, parent = entry[0], binary.BigEndian.Uint32(entry[1:])
	switch kind {
	case rootPage, freePage:
		return kind, 0, parent == 0
	case 3, 4, treePage:
		return kind, parent, parent > 0 && parent <= f.Count
	}
	return 0, 0, false
}

// hasMaps says whether the file has pointer maps. The header of the file says it too, but may be lost, and so may a map.
func (f *File) hasMaps() bool {
	f.maps = true
	covers := uint32(f.PageSize / 5)
	for at := uint32(2); at < f.Count; at += covers + 1 {
		p := f.Read(at)
		if p == nil || p.Kind != 0 {
			continue
		}
		known, entries := uint32(0), min(f.Count-at, covers)
		for i := range entries {
			if _, _, ok := f.mapEntry(at + 1 + i); ok {
				known++
			}
		}
		if known > entries/2 {
			return true
		}
	}
	return false
}

// contests says whether the file tells of another parent of a page of a tree. The parent of a root is 0.
func (f *File) contests(page, parent uint32) bool {
	kind, p, ok := f.mapEntry(page)
	switch {
	case f.free[page]:
		return true
	case !ok:
		return false
	case parent == 0:
		return kind != rootPage
	}
	return kind != treePage || p != parent
}

// Free says whether the file calls a page free. Rows of a free page are old, and may have been deleted.
func (f *File) Free(page uint32) bool {
	kind, _, ok := f.mapEntry(page)
	return f.free[page] || ok && kind == freePage
}

// freeList returns the pages in the list of free pages, as far as it can be read.
func (f *File) freeList(trunk uint32) map[uint32]bool {
	free := make(map[uint32]bool)
	for !free[trunk] {
		p := f.Read(trunk)
		if p == nil {
			break
		}
		free[trunk] = true
		count := min(int(binary.BigEndian.Uint32(p.b[4:])), len(p.b)/4-2)
		for i := range max(count, 0) {
			if page := binary.BigEndian.Uint32(p.b[8+4*i:]); page <= f.Count {
				free[page] = true
			}
		}
		trunk = binary.BigEndian.Uint32(p.b)
	}
	return free
}

// RootOf returns the root of the tree that a page belongs to, as pointer maps tell. It returns 0 when they do not tell.
func (f *File) RootOf(page uint32) uint32 {
	for range maxDepth {
		if page == 1 {
			return 1
		}
		switch kind, parent, ok := f.mapEntry(page); {
		case !ok:
			return 0
		case kind == rootPage:
			return page
		case kind != treePage:
			return 0
		default:
			page = parent
		}
	}
	return 0
}
