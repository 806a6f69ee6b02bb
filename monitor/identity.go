package monitor

import (
	"crypto/sha256"
	"encoding/binary"
)

// RecordHash identifies a metric. It is SHA-256 over the project and the 14 fields in the plugin's order. The length of
// each text comes before it in eight bytes. A float is its IEEE 754 bits. Lengths and bits are big-endian.
func RecordHash(project string, m *Metric) [sha256.Size]byte {
	buf := appendText(make([]byte, 0, 1024), project) // on the stack, and enough for most metrics
	for _, s := range m.Texts() {
		buf = appendText(buf, *s)
	}
	for _, f := range m.Values() {
		buf = binary.BigEndian.AppendUint64(buf, floatBits(*f))
	}
	return sha256.Sum256(buf)
}

// HashOf returns the SHA-256 of two texts, with lengths as in [RecordHash]. The texts are a project and the hash of a
// context or a session, or a session's hash and a node id.
func HashOf(a, b string) [sha256.Size]byte {
	return sha256.Sum256(appendText(appendText(make([]byte, 0, 256), a), b))
}

func appendText(buf []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint64(buf, uint64(len(s))), s...)
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
