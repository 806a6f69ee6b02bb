package main

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/httpd"
	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r rate
		assert.Zero(t, r.now())
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			r.add(3)
		}
		assert.InDelta(t, 300, r.now(), 3)
		time.Sleep(time.Second)
		assert.InDelta(t, 300/math.E, r.now(), 3)
		time.Sleep(time.Hour)
		assert.InDelta(t, 0, r.now(), 0.1)
		r.add(3)
		assert.InDelta(t, 3, r.now(), 0.1)
	})
}

func TestReadingAndJudgingRestWhileRecordsCome(t *testing.T) {
	b := openedBridge(t, influxFlags{})
	defer func() { assert.NoError(t, b.Close(t.Context())) }()
	judging := b.judge.(*judge.Judge).Turns
	assert.Zero(t, judging.Rest())
	session := &monitor.Record{Project: "p", Received: time.Now(), Session: &monitor.Session{SessionH: "s", RunDate: "2026-11-22T12:00:00"}}
	require.NoError(t, b.committer.Append(t.Context(), session))
	assert.Positive(t, judging.Rest())
	b.rate.add(1e9)
	assert.Equal(t, 2.0, judging.Rest())

	other := &bridge{config: b.config, db: b.db, cache: b.cache, judge: b.judge, logger: b.logger,
		server: httpd.New(httpd.NewAuthenticator(b.db, b.logger), b.logger)} // the server of b has its routes
	reading := other.mountAPI().Turns
	assert.Zero(t, reading.Rest())
	other.rate.add(1e9)
	assert.Equal(t, 1.0, reading.Rest())
}

func TestRestsAreShorterWhereFewRecordsCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bridge{}
		rest := b.rest(2)
		b.rate.add(25 * turns.Processors)
		assert.InDelta(t, 0.2, rest(), 1e-9)
		b.rate.add(225 * turns.Processors)
		assert.InDelta(t, 2, rest(), 1e-9)
		b.rate.add(1)
		assert.InDelta(t, 2, rest(), 1e-9)
	})
}
