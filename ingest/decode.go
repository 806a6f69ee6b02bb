package ingest

import (
	"bytes"
	"encoding/json"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// decoder sets one of the three of rec from the body of a request. hash is the end of the path, "" where it has none.
type decoder func(rec *monitor.Record, body []byte, hash string) error

// decodeContext ignores the hash in the path, as the server does that the plugin was made for.
func decodeContext(rec *monitor.Record, body []byte, _ string) (err error) {
	rec.Context, err = wire.DecodeContext(body)
	return err
}

func decodeSession(rec *monitor.Record, body []byte, hash string) (err error) {
	rec.Session, err = wire.DecodeSession(withSessionHash(body, hash))
	return err
}

func decodeMetric(rec *monitor.Record, body []byte, _ string) (err error) {
	rec.Metric, err = wire.DecodeMetric(body)
	return err
}

// withSessionHash puts the hash of the path in front of the members of an object. The last of a repeated member counts,
// so a hash in the body wins.
func withSessionHash(body []byte, hash string) []byte {
	rest, isObject := bytes.CutPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
	if hash == "" || !isObject {
		return body
	}
	quoted, _ := json.Marshal(hash) // a string always has a JSON form
	named := append([]byte(`{"session_h":`), quoted...)
	if !bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("}")) {
		named = append(named, ',')
	}
	return append(named, rest...)
}
