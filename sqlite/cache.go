package sqlite

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// digest is the key of texts in a cache. It has a fixed size, so the size of a cache does not depend on the length of
// texts.
type digest [sha256.Size]byte

// digestOf hashes texts. The length of each text comes before it.
func digestOf(texts ...string) digest {
	buf := make([]byte, 0, 512) // on the stack, and enough for most texts
	for _, s := range texts {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	return sha256.Sum256(buf)
}

// cache has values from the tables. A transaction sees the values that it puts at once. They stay only if it commits.
type cache[V any] struct {
	kept   *simplelru.LRU[digest, V]
	staged map[digest]V // put by the open transaction
}

func newCache[V any](size int) *cache[V] {
	kept, err := simplelru.NewLRU[digest, V](size, nil)
	if err != nil {
		panic(err) // only a size below 1 fails, and the sizes are constants
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

// keep keeps the values of a transaction that has committed.
func (c *cache[V]) keep() {
	for key, v := range c.staged {
		c.kept.Add(key, v)
	}
	clear(c.staged)
}

// drop drops everything, since rows were removed or got another name.
func (c *cache[V]) drop() {
	c.kept.Purge()
	clear(c.staged)
}

// forget drops the values of a transaction that has failed.
func (c *cache[V]) forget() { clear(c.staged) }
