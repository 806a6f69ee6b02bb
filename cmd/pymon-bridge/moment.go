package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment is a time that a person gives: RFC 3339, a date, or how long ago, such as 7d or 12h. The zero value is no time.
type moment struct {
	time.Time
	text string // as given
}

// UnmarshalText reads a time.
func (m *moment) UnmarshalText(text []byte) error {
	s := string(text)
	*m = moment{text: s}
	for _, layout := range []string{time.RFC3339, time.DateOnly} { // a date begins at midnight in UTC
		if at, err := time.Parse(layout, s); err == nil {
			m.Time = at
			return nil
		}
	}
	ago, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		ago = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || ago < 0 {
		return fmt.Errorf("expected a time such as 2026-01-31T12:00:00Z, a date, or how long ago, such as 7d; got %.40q", s)
	}
	m.Time = time.Now().Add(-ago)
	return nil
}
