package wire

import (
	"bytes"
	"strconv"
	"time"

	"pymon-bridge/monitor"
)

// The members of the object "decided" of a row of an import: what another bridge has decided. Times are nanoseconds since 1970.
var decidedNames = append([]string{"utc_ns", "utc_offset", "received", "ended", "run", "branch", "build", "machine", "env", "client", "pinned"},
	pinnedNames...)

// pinnedNames are the members that hold a pinned origin.
var pinnedNames = func() (names []string) {
	for _, name := range (*monitor.Origin).Names(nil) {
		names = append(names, "pinned_"+name)
	}
	return names
}()

const firstPinned = 11

// AppendImported appends a record as a row of `POST /import/`.
func AppendImported(dst []byte, rec *monitor.Record) []byte {
	dst = AppendText(append(dst, `{"class":`...), string(rec.Class()))
	dst = append(dst, `,"record":`...)
	switch {
	case rec.Context != nil:
		context := AppendContext(nil, rec.Context)
		dst = append(dst, bytes.Replace(context, []byte(`,"cpu_frequency":null,`), []byte(`,"cpu_frequency":NaN,`), 1)...) // no text has this
	case rec.Session != nil:
		dst = appendSent(dst, rec.Session)
	case rec.Outcome != nil:
		dst = AppendOutcome(dst, rec.Outcome)
	default:
		dst = appendMetric(dst, rec.Metric, "NaN") // as a client sends it
	}
	if rec.Placed() {
		dst = appendDecided(append(dst, `,"decided":`...), rec)
	}
	return append(dst, '}')
}

// appendSent appends a session as a client sends it, with its description as a text.
func appendSent(dst []byte, s *monitor.Session) []byte {
	sent := *s
	sent.Tags = nil
	dst = AppendSession(dst, &sent)
	return append(AppendText(append(dst[:len(dst)-1], `,"description":`...), s.Description), '}')
}

func appendDecided(dst []byte, rec *monitor.Record) []byte {
	number := func(i int, n int64) { dst = strconv.AppendInt(appendMember(dst, i), n, 10) }
	str := func(i int, s string) { dst = AppendText(appendMember(dst, i), s) }
	at := monitor.Instant{}
	if s := rec.Session; s != nil {
		at = s.Start
	} else if m := rec.Measured(); m != nil {
		at = m.At
	}
	dst = append(dst, '{')
	number(0, at.UTC)
	number(1, int64(at.Offset))
	if !rec.Received.IsZero() {
		number(2, rec.Received.UnixNano())
	}
	switch {
	case rec.Session != nil:
		s := rec.Session
		if !s.Ended.IsZero() {
			number(3, s.Ended.UnixNano())
		}
		for i, text := range [...]string{s.Run, s.Branch, s.Build, s.Machine} {
			str(4+i, text)
		}
		str(9, rec.Client)
	case rec.Context != nil:
		str(8, rec.Context.Env)
	case rec.Import.Origin != nil:
		dst = append(appendMember(dst, 10), "true"...)
		for i, text := range rec.Import.Origin.Texts() {
			str(firstPinned+i, *text)
		}
	}
	return append(dst, '}')
}

func appendMember(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return append(append(append(dst, '"'), decidedNames[i]...), `":`...)
}

// DecodeImported reads a row of `POST /import/` into a record of base, which is received now. It has the class of the record, the record as a client
// sends it, and, where a bridge has accepted it before, what this bridge decided. The error is an EInvalid that names each
// wrong field.
func DecodeImported(base monitor.Record, row []byte) (*monitor.Record, error) {
	var values [3]value
	f, err := scanFields("row", row, []string{"class", "record", "decided"}, values[:])
	if err != nil {
		return nil, err
	}
	class := f.text(0)
	if values[1].kind != object {
		f.problem(1, "an object")
	}
	if f.has(2) && values[2].kind != object {
		f.problem(2, "an object")
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	switch body := values[1].raw; monitor.Class(class) {
	case monitor.ClassContext:
		base.Context, err = DecodeContext(body)
	case monitor.ClassSession:
		base.Session, err = DecodeSession(body)
	case monitor.ClassMetric:
		base.Metric, _, err = DecodeMetric(body)
	case monitor.ClassOutcome:
		base.Outcome, err = DecodeOutcome(body)
	default:
		f.wrongText(0, "context, session, metric or outcome", class)
		err = f.err()
	}
	if err == nil && f.has(2) {
		err = decodeDecided(&base, values[2].raw)
	}
	return &base, err
}

// decodeDecided adds what another bridge has decided about a record.
func decodeDecided(rec *monitor.Record, body []byte) error {
	values := make([]value, len(decidedNames))
	f, err := scanFields("row", body, decidedNames, values)
	if err != nil {
		return err
	}
	placed := *rec.Import
	placed.Placed = true
	rec.Import = &placed
	now := rec.Received
	rec.Received = time.Time{}
	if f.has(2) {
		rec.Received = f.moment(2)
	}
	if c := rec.Context; c != nil {
		c.Env = f.text(8)
		return f.decided(rec, now)
	}
	at := monitor.Instant{UTC: f.within(0, firstMoment, lastMoment), Offset: int32(f.within(1, 1-24*3600, 24*3600-1))}
	if s := rec.Session; s != nil {
		s.Start, s.Run, s.Branch, s.Build, s.Machine = at, f.text(4), f.text(5), f.text(6), f.text(7)
		rec.Client = f.text(9)
		if f.has(3) {
			s.Ended = f.moment(3)
		}
		return f.decided(rec, now)
	}
	rec.Measured().At = at
	if f.has(10) {
		placed.Origin = new(monitor.Origin)
		for i, text := range placed.Origin.Texts() {
			*text = f.text(firstPinned + i)
		}
	}
	return f.decided(rec, now)
}

// decided returns the error of the members, or else of what they say together.
func (f *fields) decided(rec *monitor.Record, now time.Time) error {
	if err := f.err(); err != nil {
		return err
	}
	return rec.CheckDecided(now)
}

// firstMoment is the beginning of 1970 in the zones that are ahead of UTC by a day.
const firstMoment = -24 * int64(time.Hour)

// lastMoment is the end of the year 2199.
var lastMoment = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano() - 1

// moment returns a required time.
func (f *fields) moment(i int) time.Time { return time.Unix(0, f.within(i, 0, lastMoment)).UTC() }
