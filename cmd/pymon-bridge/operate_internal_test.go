package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestMomentsAreTimesOrHowLongAgo(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-11-22T12:00:00Z":      time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		"2026-11-22T12:00:00+02:00": time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
		"2026-11-22":                time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
	} {
		var m moment
		require.NoError(t, m.UnmarshalText([]byte(text)))
		assert.True(t, want.Equal(m.Time), "%s: %s", text, m)
	}
	for text, ago := range map[string]time.Duration{"7d": 7 * 24 * time.Hour, "12h": 12 * time.Hour, "0s": 0, "1h30m": 90 * time.Minute} {
		var m moment
		before := time.Now()
		require.NoError(t, m.UnmarshalText([]byte(text)))
		assert.InDelta(t, ago.Hours(), before.Sub(m.Time).Hours(), 1.5, text) // a day may have 23 or 25 hours
	}
	for _, text := range []string{"", "yesterday", "-1h", "7w", "d", "-7d", "1e3d", "2026-13-01", "99999999d"} {
		assert.ErrorContains(t, (&moment{}).UnmarshalText([]byte(text)), "expected a time such as", text)
	}
}

// Letters of which InfluxDB says the same, numbers apart, are one group. The number of groups has a limit.
func TestDeadLettersAreGrouped(t *testing.T) {
	list := letterList{known: map[letterGroup]*letterGroup{}}
	letter := func(seq uint64, words string) monitor.Letter {
		return monitor.Letter{DeadLetter: monitor.DeadLetter{Seq: seq, Class: monitor.ClassMetric, Status: 422, Reason: words}, Project: "shop"}
	}
	for seq := range uint64(50) {
		list.add(letter(seq, "its time is "+time.Unix(int64(seq), 0).UTC().Format(time.TimeOnly)), 20)
	}
	require.Len(t, list.Groups, 1)
	assert.EqualValues(t, 50, list.Groups[0].Letters)
	assert.Equal(t, "its time is 00:00:00", list.Groups[0].Reason)
	assert.Len(t, list.Letters, 20)
	for seq := range uint64(2 * mostGroups) {
		list.add(letter(seq, string(rune('一'+seq))), 20)
	}
	assert.LessOrEqual(t, len(list.Groups), mostGroups+1)
	assert.EqualValues(t, 50+2*mostGroups, list.Total)
}

// No choice is no choice of all: dead letters are not retried or dropped by mistake.
func TestDeadLettersHaveToBeChosen(t *testing.T) {
	for _, f := range []chosenFlags{{}, {All: true, Numbers: []uint64{1}}, {All: true, letterFlags: letterFlags{Project: "shop"}}} {
		_, err := f.choose()
		assert.Error(t, err)
	}
	q, err := chosenFlags{Numbers: []uint64{7}, letterFlags: letterFlags{Class: "metric"}}.choose()
	require.NoError(t, err)
	assert.Equal(t, monitor.LetterQuery{Seqs: []uint64{7}, Class: monitor.ClassMetric}, q)
	q, err = chosenFlags{All: true}.choose()
	require.NoError(t, err)
	assert.Equal(t, monitor.LetterQuery{}, q)
}
