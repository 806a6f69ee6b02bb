package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// plus returns the body of a session with more members.
func plus(members string) []byte {
	return []byte(strings.TrimSuffix(sessionBody, "}") + ", " + members + "}")
}

func TestASessionStatesItsOffsetItsMethodAndItsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		members, answer string
		offset          int32
		marks           monitor.Marks
		end             monitor.End
	}{
		"nothing":        {`"more": 1`, ``, 0, monitor.Marks{}, monitor.End{}},
		"nulls":          {`"utc_offset": null, "method": null, "exit_status": null`, ``, 0, monitor.Marks{}, monitor.End{}},
		"its offset":     {`"utc_offset": -12600`, `,"utc_offset":-12600`, -12600, monitor.Marks{StatesOffset: true}, monitor.End{}},
		"UTC":            {`"utc_offset": 0`, `,"utc_offset":0`, 0, monitor.Marks{StatesOffset: true}, monitor.End{}},
		"its method":     {`"method": "m2"`, `,"method":"m2"`, 0, monitor.Marks{Method: "m2"}, monitor.End{}},
		"a complete run": {`"exit_status": 1, "collected": 7, "deselected": 2, "partial": null`, `,"completion":"complete","exit_status":1,"collected":7,"deselected":2,"partial":null`, 0, monitor.Marks{Completion: monitor.Complete}, monitor.End{ExitStatus: 1, Collected: 7, Deselected: 2}},
		"a partial run":  {`"exit_status": 0, "collected": 7, "deselected": 0, "partial": "-x"`, `,"completion":"partial","exit_status":0,"collected":7,"deselected":0,"partial":"-x"`, 0, monitor.Marks{Completion: monitor.Partial}, monitor.End{Collected: 7, Reason: "-x"}},
		"no end":         {`"collected": 7, "partial": "-x"`, ``, 0, monitor.Marks{}, monitor.End{}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := wire.DecodeSession(plus(tt.members))
			require.NoError(t, err)
			assert.Equal(t, tt.marks, s.Marks)
			assert.Equal(t, tt.end, s.End)
			assert.Equal(t, tt.offset, s.Start.Offset)
			assert.Equal(t, `{"session_h":"5352","run_date":"2026-11-22T16:36:00","scm_ref":"abc","tags":[{"name":"a","value":"b"}]`+tt.answer+`}`,
				string(wire.AppendSession(nil, s)))
		})
	}
}

func TestWrongEndsNameTheField(t *testing.T) {
	end := `"exit_status": 0, "collected": 7, "deselected": 2, "partial": null`
	for name, tt := range map[string]struct{ members, field, problem string }{
		"a far offset":      {`"utc_offset": 50401`, "utc_offset", "expected a whole number from -50400 to 50400, got 50401"},
		"another offset":    {`"utc_offset": "+02:00"`, "utc_offset", "expected a whole number from -50400 to 50400, got a text"},
		"a long method":     {`"method": "abcdefghijklmnopq"`, "method", "expected up to 16 letters and digits"},
		"a method in words": {`"method": "m 2"`, "method", "expected up to 16 letters and digits"},
		"a number":          {`"method": 2`, "method", "expected a text, got 2"},
		"no status":         {with(t, end, `0`, `"ok"`), "exit_status", "expected a whole number of at most 64 bits, got a text"},
		"a negative number": {with(t, end, `7`, `-1`), "collected", "expected a whole number of at least 0, got -1"},
		"a missing number":  {with(t, end, `"deselected": 2, `, ``), "deselected", "expected a whole number of at least 0, but it is missing"},
		"a long reason":     {with(t, end, `null`, `"`+strings.Repeat("é", 101)+`"`), "partial", "expected a text of at most 200 bytes, got 202"},
		"an empty reason":   {with(t, end, `null`, `""`), "partial", "expected null or a non-empty text, got a text"},
		"a reason":          {with(t, end, `null`, `true`), "partial", "expected a text, got a boolean"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wire.DecodeSession(plus(tt.members))
			var e *monitor.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, map[string]string{tt.field: tt.problem}, e.Fields)
		})
	}
}
