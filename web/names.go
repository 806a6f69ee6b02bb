package web

import (
	"encoding/binary"
	"strings"

	"pymon-bridge/monitor"
)

// testName is the identity of a test as one text: each of its texts behind its length.
type testName string

func textsOf(s *monitor.Series) [6]*string {
	return [...]*string{&s.Project, &s.Component, &s.ItemPath, &s.Item, &s.ItemVariant, &s.Kind}
}

func appendName(to []byte, s *monitor.Series) []byte {
	for _, text := range textsOf(s) {
		to = append(binary.AppendUvarint(to, uint64(len(*text))), *text...)
	}
	return to
}

// Series returns the identity that the name stands for.
func (n testName) Series() (s monitor.Series) {
	for _, text := range textsOf(&s) {
		length, size := binary.Uvarint([]byte(n[:min(len(n), binary.MaxVarintLen64)]))
		*text = string(n[size : size+int(length)])
		n = n[size+int(length):]
	}
	return s
}

// name gives the tests their texts. They lie in one block of memory, in the order of the tests: the garbage collector visits each
// text that lies alone, and takes both cores from clients that post meanwhile.
func (s *snapshot) name() {
	var block []byte
	ends := make([]int, 0, 2*len(s.tests))
	for i := range s.tests {
		t := &s.tests[i]
		block = appendName(block, t.of)
		ends = append(ends, len(block))
		block = append(block, strings.ToLower(t.Location+"::"+t.of.ItemVariant+"\x00"+t.of.ItemPath+"\x00"+t.of.Item)...)
		ends = append(ends, len(block))
	}
	texts, from := string(block), 0
	for i := range s.tests {
		t, middle, to := &s.tests[i], ends[2*i], ends[2*i+1]
		t.testName, t.find, t.of = testName(texts[from:middle]), texts[middle:to], nil
		from = to
	}
}
