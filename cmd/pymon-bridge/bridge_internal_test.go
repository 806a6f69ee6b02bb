package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// The operator must read why the bridge does not start, even when InfluxDB never answers.
func TestFailedStartDoesNotWaitForDelivery(t *testing.T) {
	silent := make(chan struct{})
	influx := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	defer influx.Close()
	defer close(silent)
	data := t.TempDir()
	fill(t, data)
	config := &serveCmd{dataFlags: dataFlags{Data: data}, QuietAfter: time.Minute, MaxBody: 1024, MaxConnections: 1,
		influxFlags: influxFlags{URL: influx.URL, Token: "token", Org: "o", Bucket: "b", MetaBucket: "m"},
		TLSCert:     "missing", TLSKey: "missing"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	started := make(chan error, 1)
	go func() {
		started <- newBridge(config, slog.New(slog.NewTextHandler(io.Discard, nil))).Open(t.Context(), l)
	}()
	select {
	case err := <-started:
		assert.ErrorContains(t, err, "certificate")
	case <-time.After(10 * time.Second):
		assert.Fail(t, "the start waits for InfluxDB")
	}
}

// openedBridge returns a bridge that serves a new file. The test closes it.
func openedBridge(t *testing.T, to influxFlags) *bridge {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := newBridge(&serveCmd{dataFlags: dataFlags{Data: t.TempDir()}, influxFlags: to, QuietAfter: time.Minute, MaxBody: 1024,
		MaxConnections: 1, PageSize: 1}, slog.New(slog.DiscardHandler))
	require.NoError(t, b.Open(t.Context(), l))
	return b
}

// The bridge of `run` serves for a while only.
func TestTheBridgeOfRunIsNotUpgraded(t *testing.T) {
	b := openedBridge(t, influxFlags{})
	b.upgrader.prepare(t.Context(), false)
	assert.Nil(t, b.upgrader.next)
	assert.Contains(t, b.upgrader.answer.Error, "the bridge of `pymon-bridge run` ends when no test needs it")
	require.NoError(t, b.Close(t.Context()))
}

// An upgrade does not wait for an InfluxDB that never answers.
func TestAnUpgradeDoesNotWaitForInfluxDB(t *testing.T) {
	silent, asked := make(chan struct{}), make(chan struct{}, 10)
	influx := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{}; <-silent }))
	defer influx.Close()
	defer close(silent)
	b := openedBridge(t, influxFlags{URL: influx.URL, Token: "token", Org: "o", Bucket: "b", MetaBucket: "m"})
	<-asked // by the preparation, for which the delivery waits
	session := &monitor.Session{SessionH: "s", RunDate: "2026-11-22T12:00:00"}
	require.NoError(t, b.db.Append(t.Context(), []*monitor.Record{{Project: "p", Received: time.Now(), Session: session}}))
	b.courier.Wake()
	time.Sleep(300 * time.Millisecond)
	b.upgrader.next = &successor{}
	made := make(chan error, 1)
	go func() { _, err := b.makeWay(t.Context(), time.Now().Add(b.config.StopAfter)); made <- err }()
	select {
	case err := <-made:
		assert.NoError(t, err)
	case <-time.After(ensureTimeout / 2):
		assert.Fail(t, "the upgrade waits for InfluxDB")
	}
	require.NoError(t, b.Close(t.Context()))
}

// fill stores a session in a data directory, so that there is a record to deliver.
func fill(t *testing.T, data string) {
	t.Helper()
	db := sqlite.New(data+"/"+sqlite.FileName, monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	require.NoError(t, db.Open(t.Context()))
	session := &monitor.Session{SessionH: "s", RunDate: "2026-11-22T12:00:00"}
	require.NoError(t, db.Append(t.Context(), []*monitor.Record{{Project: "p", Received: time.Now(), Session: session}}))
	require.NoError(t, db.Close())
}
