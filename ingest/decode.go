package ingest

import (
	"bytes"
	"encoding/json"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// decoder returns the records that a body means. They have the project, the arrival and the client of base. hash is the hash
// in the path, or "".
type decoder func(base monitor.Record, body []byte, hash string) ([]*monitor.Record, error)

// decodeContext ignores the hash in the path, as the reference server monitor-server-api does.
func decodeContext(base monitor.Record, body []byte, _ string) (_ []*monitor.Record, err error) {
	base.Context, err = wire.DecodeContext(body)
	return []*monitor.Record{&base}, err
}

func decodeSession(base monitor.Record, body []byte, hash string) (_ []*monitor.Record, err error) {
	base.Session, err = wire.DecodeSession(withSessionHash(body, hash))
	return []*monitor.Record{&base}, err
}

// decodeMetric returns the metric, and the outcome if the row has one.
func decodeMetric(base monitor.Record, body []byte, _ string) ([]*monitor.Record, error) {
	m, o, err := wire.DecodeMetric(body)
	if o == nil {
		base.Metric = m
		return []*monitor.Record{&base}, err
	}
	became := base
	base.Metric, became.Outcome = m, o
	return []*monitor.Record{&base, &became}, err
}

func decodeOutcome(base monitor.Record, body []byte, _ string) (_ []*monitor.Record, err error) {
	base.Outcome, err = wire.DecodeOutcome(body)
	return []*monitor.Record{&base}, err
}

// withSessionHash adds the hash of the path to a JSON object as its first member. The decoder uses the last of several
// equal members, so a hash in the body has precedence.
func withSessionHash(body []byte, hash string) []byte {
	rest, isObject := bytes.CutPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
	if hash == "" || !isObject {
		return body
	}
	quoted, _ := json.Marshal(hash) // never fails for a string
	named := append([]byte(`{"session_h":`), quoted...)
	if !bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("}")) {
		named = append(named, ',')
	}
	return append(named, rest...)
}
