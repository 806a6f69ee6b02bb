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
// has of them, but they can be hidden, to be removed.
type origins struct {
	lru   *simplelru.LRU[originKey, monitor.Origin]
	hides uint64 // how often records had been hidden when something was last remembered
}

type originKey struct{ context, session hashKey }

func newOrigins() *origins {
	lru, err := simplelru.NewLRU[originKey, monitor.Origin](knownOrigins, nil)
	if err != nil {
		panic(err) // the size is above zero
	}
	return &origins{lru: lru}
}

// forget forgets everything if records were hidden since the last call. A metric that arrives after its session was hidden is a new
// one, and its session is not there. So the count must be read after the metrics.
func (o *origins) forget(hides uint64) {
	if o.hides != hides {
		o.lru.Purge()
		o.hides = hides
	}
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
