package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A log gets one line in ten seconds, with the rate and the time left.
func TestProgressInALog(t *testing.T) {
	var out bytes.Buffer
	at := time.Unix(0, 0)
	for _, c := range []struct {
		total int64
		want  string
	}{
		{5000, "Reading: 2,000 of 5,000 records, 200 a second, 15s left\n"},
		{0, "Reading: 2,000 records, 200 a second\n"},
		{2000, "Reading: 2,000 of 2,000 records, 200 a second\n"},
	} {
		out.Reset()
		p := (&Main{Stderr: &out}).newProgress("Reading", "records", c.total)
		p.began, p.told, p.now = at, at, func() time.Time { return at }
		p.add(1000)
		at = at.Add(10 * time.Second)
		p.add(1000)
		p.add(0)
		p.end()
		assert.Equal(t, c.want, out.String())
	}
}
