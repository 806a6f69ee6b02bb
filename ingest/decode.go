package ingest

import (
	"bytes"
	"encoding/json"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// decoder sets the context, the session or the metric of rec from the body of a request. hash is the hash in the path, or
// "".
type decoder func(rec *monitor.Record, body []byte, hash string) error

// decodeContext ignores the hash in the path, as the reference server monitor-server-api does.
func decodeContext(rec *monitor.Record, body []byte, _ string) (err error) {
	rec.Context, err = wire.DecodeContext(body)
	return err
}

func decodeSession(rec *monitor.Record, body []byte, hash string) (err error) {
	rec.Session, err = wire.DecodeSession(withSessionHash(body, hash))
	return err
}

func decodeMetric(rec *monitor.Record, body []byte, _ string) (err error) {
	rec.Metric, _, err = wire.DecodeMetric(body)
	return err
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
