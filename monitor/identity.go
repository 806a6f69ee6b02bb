package monitor

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// RecordHash identifies a metric: SHA-256 over the project and the 14 fields in the plugin's order, each text
// preceded by its length in eight bytes, each float as its IEEE 754 bits, both big-endian.
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

// HashOf is the SHA-256 of the project and a context's or session's own hash, with lengths as in [RecordHash].
func HashOf(project, hash string) [sha256.Size]byte {
	h := sha256.New()
	writeText(h, project)
	writeText(h, hash)
	return [sha256.Size]byte(h.Sum(nil))
}

func writeText(h hash.Hash, s string) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(len(s)))
	h.Write(b[:])
	h.Write([]byte(s))
}

// HashMod returns a hash modulo n, for the digits of a point's time that keep different records apart.
func HashMod(h [sha256.Size]byte, n uint64) int64 {
	return int64(binary.BigEndian.Uint64(h[:8]) % n)
}

// PointTime fixes the nanoseconds of a metric's time: its microsecond plus its hash modulo 1000 ns. Different
// metrics of one series that started in the same microsecond so are different points, and the same metric is
// always the same point. [NextPointTime] resolves the remaining clashes.
func PointTime(at Instant, h [sha256.Size]byte) int64 {
	return at.Micros()*1000 + HashMod(h, 1000)
}

// NextPointTime returns the next nanosecond of the same microsecond, wrapping.
func NextPointTime(utc int64) int64 {
	micros := floorDiv(utc, 1000)
	return micros*1000 + (utc-micros*1000+1)%1000
}
