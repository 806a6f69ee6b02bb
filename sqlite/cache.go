package sqlite

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// digest stands for texts as a key, so that the size of a cache does not depend on their length.
type digest [sha256.Size]byte

// digestOf hashes texts, each with its length before it.
func digestOf(texts ...string) digest {
	buf := make([]byte, 0, 512) // enough for most, and on the stack
	for _, s := range texts {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	return sha256.Sum256(buf)
}

// cache remembers what the tables say. What a transaction puts is seen by it at once, and stays only if it commits.
type cache[V any] struct {
	kept   *simplelru.LRU[digest, V]
	staged map[digest]V
}

func newCache[V any](size int) *cache[V] {
	kept, err := simplelru.NewLRU[digest, V](size, nil)
	if err != nil {
		panic(err) // only for a size below 1, and sizes are constants
	}
	return &cache[V]{kept: kept, staged: make(map[digest]V)}
}

func (c *cache[V]) get(key digest) (V, bool) {
	if v, ok := c.staged[key]; ok {
		return v, true
	}
	return c.kept.Get(key)
}

func (c *cache[V]) put(key digest, v V) { c.staged[key] = v }

func (c *cache[V]) keep() {
	for key, v := range c.staged {
		c.kept.Add(key, v)
	}
	clear(c.staged)
}

func (c *cache[V]) forget() { clear(c.staged) }
