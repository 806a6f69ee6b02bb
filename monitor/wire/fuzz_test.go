package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// FuzzDecodeImported checks each class of record, as clients send them and as another bridge has decided them: what was read can be
// written, and says the same when it is read again. An error is always the client's.
func FuzzDecodeImported(f *testing.F) {
	const decided = `, "decided": {"utc_ns": 1700000000000000000, "utc_offset": 3600, "received": 1700000001000000000`
	context := `{"h": "c1", "cpu_count": 4, "cpu_frequency": NaN, "cpu_type": null, "cpu_vendor": "\udcff", "ram_total": 1e3, "machine_node": "m",
		"machine_type": "x86_64", "machine_arch": "64bit", "system_info": "Linux", "python_info": "3.11"}`
	session := `{"session_h": "s1", "run_date": "2026-01-02T03:04:05.000006", "scm_ref": null, "description": "{\"a\": \"b\"}", "utc_offset": -60,
		"method": "m2", "exit_status": 1, "collected": 2, "deselected": 0, "partial": "-k"}`
	for _, seed := range []string{
		`{"class": "context", "record": ` + context + `}`,
		`{"class": "context", "record": ` + context + decided + `, "env": "Linux 4x"}}`,
		`{"class": "session", "record": ` + session + `}`,
		`{"class": "session", "record": ` + session + decided + `, "run": "r", "branch": "main", "build": "", "machine": "ci", "client": "127.0.0.1"}}`,
		`{"class": "metric", "record": ` + metricBody + `}`,
		`{"class": "metric", "record": ` + metricBody + decided + `}}`,
		`{"class": "outcome", "record": {"nodeid": "a::b", "outcome": "failed"}}`,
		`{"class": "", "record": {}, "decided": []}`,
	} {
		f.Add([]byte(seed))
	}
	base := monitor.Record{Project: "shop", Received: time.Unix(1_800_000_000, 0).UTC(), Import: &monitor.Import{}}
	f.Fuzz(func(t *testing.T, row []byte) {
		rec, err := wire.DecodeImported(base, row)
		if err != nil {
			assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err), "%v", err)
			return
		}
		assert.LessOrEqual(t, rec.Size(), 4096+4*len(row), "a record is not much larger than what was sent")
		written := wire.AppendImported(nil, rec)
		again, err := wire.DecodeImported(base, written)
		require.NoError(t, err, "%s", written)
		assert.Equal(t, string(written), string(wire.AppendImported(nil, again)))
	})
}

// FuzzRows checks that the rows of a list are the parts of it, and no others.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{`[{}]`, `[1, "]", [2, [3]], {"a": [","]}]`, `[]`, `{}`, `[NaN]`, `[ {"a": 1} , null ]`, `[1,]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, err := wire.Rows(body)
		if err != nil {
			assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
			return
		}
		if rows == nil {
			assert.False(t, bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")))
			return
		}
		joined := append(append([]byte("["), bytes.Join(rows, []byte(","))...), ']')
		again, err := wire.Rows(joined)
		require.NoError(t, err)
		assert.Equal(t, rows, again)
		var plain []json.RawMessage
		if json.Unmarshal(body, &plain) == nil {
			assert.Len(t, rows, len(plain))
		}
	})
}
