package monitor

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// RecordHash identifies a metric. It is SHA-256 over the project and the 14 fields in the plugin's order. The length of
// each text comes before it in eight bytes. A float is its IEEE 754 bits. Lengths and bits are big-endian.
func RecordHash(project string, m *Metric) [sha256.Size]byte {
	h := sha256.New()
	writeText(h, project)
	for _, s := range m.Texts() {
		writeText(h, *s)
	}
	var b [8]byte
	for _, f := range m.Values() {
		binary.BigEndian.PutUint64(b[:], floatBits(*f))
		h.Write(b[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// HashOf returns the SHA-256 of two texts, with lengths as in [RecordHash]. The texts are a project and the hash of a
// context or a session, or a session's hash and a node id.
func HashOf(a, b string) [sha256.Size]byte {
	h := sha256.New()
	writeText(h, a)
	writeText(h, b)
	return [sha256.Size]byte(h.Sum(nil))
}

func writeText(h hash.Hash, s string) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(len(s)))
	h.Write(b[:])
	h.Write([]byte(s))
}

// HashMod returns a hash modulo n. The result gives different records of one microsecond different times.
func HashMod(h [sha256.Size]byte, n uint64) int64 {
	return int64(binary.BigEndian.Uint64(h[:8]) % n)
}

// PointTime returns the time of a metric's point in UTC nanoseconds: its microsecond plus its hash modulo 1000. So
// different metrics of one series in the same microsecond are different points, and the same metric is always the same
// point. [NextPointTime] is for two metrics that still have the same time.
func PointTime(at Instant, h [sha256.Size]byte) int64 {
	return at.Micros()*1000 + HashMod(h, 1000)
}

// NextPointTime returns the next nanosecond of the same microsecond. After the last nanosecond comes the first.
func NextPointTime(utc int64) int64 {
	micros := floorDiv(utc, 1000)
	return micros*1000 + (utc-micros*1000+1)%1000
}
