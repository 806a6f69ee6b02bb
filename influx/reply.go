package influx

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// maxMessage is how much of an answer is kept as the destination's words, in bytes.
const maxMessage = 2048

// maxError is how much of an error is read, in bytes. What answers may be no InfluxDB, and never end.
const maxError = 64 << 10

// answer is what became of one write request.
type answer struct {
	status     int // 0 when there was no answer
	message    string
	retryAfter time.Duration
	own        bool // the words are InfluxDB's own error, and not those of a proxy
}

// reply tells what an answer means for the courier. Only 204 says that every point is stored: InfluxDB Cloud answers
// 201 when it rejected some, and a 200 comes from something in between that is no InfluxDB. Points are refused only in
// InfluxDB's own words: a proxy answers 400 or 422 too, to what it does not understand or does not like.
func (a answer) reply() monitor.Reply {
	r := monitor.Reply{Status: a.status, Message: a.message, RetryAfter: a.retryAfter}
	switch code := a.status; {
	case code == http.StatusNoContent:
		return monitor.Reply{Kind: monitor.Delivered, Status: code}
	case code == http.StatusBadRequest, code == http.StatusUnprocessableEntity, code == http.StatusCreated:
		if r.Kind = monitor.Unavailable; a.own {
			r.Kind = monitor.Refused
		}
	case code == http.StatusInternalServerError && a.own:
		r.Kind = monitor.Failed
	case code == http.StatusRequestEntityTooLarge:
		r.Kind = monitor.TooLarge
	case code == 0, code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500, code < 300:
		r.Kind = monitor.Unavailable
	default:
		r.Kind = monitor.Denied
	}
	if r.Message == "" {
		r.Message = fmt.Sprintf("unexpected answer %d %s", a.status, http.StatusText(a.status))
	}
	return r
}

// severity orders replies by how much they restrain what may be done with the points of several requests.
func severity(r monitor.Reply) int {
	order := [...]monitor.ReplyKind{monitor.Delivered, monitor.Refused, monitor.TooLarge, monitor.Denied, monitor.Failed, monitor.Unavailable}
	return slices.Index(order[:], r.Kind)
}

// graver returns the reply that restrains more, the first one of two that restrain as much.
func graver(a, b monitor.Reply) monitor.Reply {
	if severity(b) > severity(a) {
		return b
	}
	return a
}

// replyOf makes one reply of all answers to one flush: the gravest of them. No answer at all means that nothing was
// sent; the client's own error, if there is one, says why.
func replyOf(answers []answer, clientErr error) monitor.Reply {
	if len(answers) == 0 {
		r := monitor.Reply{Kind: monitor.Unavailable, Message: "the InfluxDB client sent no request"}
		if clientErr != nil {
			r.Message += ": " + clientErr.Error()
		}
		return r
	}
	gravest := answers[0].reply()
	for _, a := range answers[1:] {
		gravest = graver(gravest, a.reply())
	}
	return gravest
}

// ownCodes are InfluxDB's names of errors that points can cause.
var ownCodes = []string{"invalid", "unprocessable entity", "internal error"}

// words returns what an answer says: the message of InfluxDB's JSON, else its text. own says that the words are
// InfluxDB's own error. InfluxDB 2 and Cloud name the fault in a code. InfluxDB 3 lists the lines at fault.
func words(header http.Header, body []byte) (said string, own bool) {
	var e struct {
		Code, Message string
		Error         string
		Data          json.RawMessage
	}
	if json.Unmarshal(body, &e) == nil {
		switch {
		case e.Message != "":
			return shorten(e.Message), slices.Contains(ownCodes, e.Code)
		case e.Error != "":
			if line := lineAtFault(e.Data); line != "" {
				return shorten(e.Error + ": " + line), true
			}
		}
	}
	if to := header.Get("Location"); to != "" {
		return shorten("redirected to " + to), false
	}
	if s := strings.TrimSpace(string(body)); s != "" {
		return shorten(s), false
	}
	return shorten(header.Get("X-Influxdb-Error")), false
}

// lineAtFault returns what InfluxDB 3 says about the first line at fault: it sends a list of lines, or one alone.
func lineAtFault(data []byte) string {
	type line struct {
		Message string `json:"error_message"`
	}
	if lines := []line{}; json.Unmarshal(data, &lines) == nil && len(lines) > 0 {
		return lines[0].Message
	}
	var only line
	_ = json.Unmarshal(data, &only) // anything else says nothing about a line
	return only.Message
}

func shorten(s string) string {
	if len(s) > maxMessage {
		s = s[:maxMessage] + "…"
	}
	return strings.ToValidUTF8(s, "�")
}

// retryAfter reads a Retry-After header: seconds or a date. 0 when there is none that can be read.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
