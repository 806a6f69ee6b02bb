package monitor

// Validate checks that a context has a hash.
func (c *Context) Validate() error {
	return invalid("context", fields{"h": nonEmpty(c.H)})
}

// Validate checks that a session has a hash and a date that [ParseTime] reads.
func (s *Session) Validate() error {
	_, err := ParseTime(s.RunDate)
	return invalid("session", fields{"session_h": nonEmpty(s.SessionH), "run_date": problem(err)})
}

// Validate checks that a metric has a start that [ParseTime] reads.
func (m *Metric) Validate() error {
	_, err := ParseTime(m.ItemStartTime)
	return invalid("metric", fields{"item_start_time": problem(err)})
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
