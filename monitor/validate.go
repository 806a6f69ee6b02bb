package monitor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Validate checks that a context has a hash.
func (c *Context) Validate() error {
	return invalid("context", fields{"h": nonEmpty(c.H)})
}

// maxReason is how many bytes the reason of an end may have, since reports and the log show it.
const maxReason = 200

// Validate checks that a session has a hash, a date that [ParseTime] reads, a short method, and a short reason of its end.
func (s *Session) Validate() error {
	_, err := ParseTime(s.RunDate)
	wrong := fields{"session_h": nonEmpty(s.SessionH), "run_date": problem(err)}
	if !shortWord.MatchString(s.Method) {
		wrong["method"] = "expected up to 16 letters and digits"
	}
	if len(s.Reason) > maxReason {
		wrong["partial"] = fmt.Sprintf("expected a text of at most %d bytes, got %d", maxReason, len(s.Reason))
	}
	return invalid("session", wrong)
}

// shortWord matches a method of measuring, which becomes a part of the class of machine.
var shortWord = regexp.MustCompile(`^[0-9A-Za-z]{0,16}$`)

// Validate checks that a metric has a start that [ParseTime] reads.
func (m *Metric) Validate() error {
	_, err := ParseTime(m.ItemStartTime)
	return invalid("metric", fields{"item_start_time": problem(err)})
}

// Validate checks that an outcome is one of [Outcomes] of a test with a node id, and has a start that [ParseTime] reads.
func (o *Outcome) Validate() error {
	_, err := ParseTime(o.ItemStartTime)
	wrong := fields{"item_start_time": problem(err), "nodeid": nonEmpty(o.NodeID)}
	if !slices.Contains(Outcomes[:], o.Outcome) {
		wrong["outcome"] = "expected one of " + strings.Join(Outcomes[:], ", ")
	}
	return invalid("outcome", wrong)
}

type fields map[string]string

// invalid returns an EInvalid error with the fields that have a problem. It returns nil when no field has one.
func invalid(what string, problems fields) error {
	for name, text := range problems {
		if text == "" {
			delete(problems, name)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{Code: EInvalid, Message: "invalid " + what, Fields: problems}
}

func nonEmpty(s string) string {
	if s == "" {
		return "expected a non-empty text"
	}
	return ""
}

func problem(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
