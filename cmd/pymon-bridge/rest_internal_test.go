package main

import (
	"log/slog"
	"math"
	"net"
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

// TestReadingAndJudgingRestWhileRecordsCome has records come fast, then none.
func TestReadingAndJudgingRestWhileRecordsCome(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	config := &serveCmd{dataFlags: dataFlags{Data: t.TempDir()}, QuietAfter: time.Minute, MaxBody: 1024, MaxConnections: 1, PageSize: 1}
	b := newBridge(config, slog.New(slog.DiscardHandler))
	require.NoError(t, b.Open(t.Context(), l))
	defer func() { assert.NoError(t, b.Close(t.Context())) }()
	judging := b.judge.(*judge.Judge).Turns
	assert.Zero(t, judging.Rest())
	session := &monitor.Record{Project: "p", Received: time.Now(), Session: &monitor.Session{SessionH: "s", RunDate: "2026-11-22T12:00:00"}}
	require.NoError(t, b.committer.Append(t.Context(), session))
	assert.Positive(t, judging.Rest())
	b.rate.add(1e9)
	assert.Equal(t, 2.0, judging.Rest())

	other := &bridge{config: config, db: b.db, cache: b.cache, judge: b.judge, logger: b.logger,
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
