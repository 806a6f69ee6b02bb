package journal

import (
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"pymon-bridge/monitor"
)

// knownOrigins is how many origins are remembered: more than there are pytest processes at a time. originBytes is the most that
// the texts of one take; those of clients with longer texts are looked up each time.
const (
	knownOrigins = 4096
	originBytes  = 1 << 10
)

// origins remembers the origins of metrics whose context and session their project has. These two never change in what an origin
// has of them. They can be deleted: then the courier stops, and begins with an empty memory.
type origins struct {
	lru *simplelru.LRU[originKey, monitor.Origin]
}

type originKey struct{ context, session hashKey }

func newOrigins() *origins {
	lru, err := simplelru.NewLRU[originKey, monitor.Origin](knownOrigins, nil)
	if err != nil {
		panic(err) // the size is above zero
	}
	return &origins{lru}
}

func (o *origins) get(key originKey) (monitor.Origin, bool) {
	if o == nil {
		return monitor.Origin{}, false
	}
	return o.lru.Get(key)
}

func (o *origins) add(key originKey, origin monitor.Origin) {
	bytes := len(key.context.project) + len(key.context.h) + len(key.session.h)
	for _, text := range origin.Texts() {
		bytes += len(*text)
	}
	if o != nil && bytes <= originBytes {
		o.lru.Add(key, origin)
	}
}
