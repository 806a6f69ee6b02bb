package monitor

// Validate checks what the types do not: that a context can be found again.
func (c *Context) Validate() error {
	return invalid("context", fields{"h": nonEmpty(c.H)})
}

// Validate checks what the types do not: a hash to find it by and a date that can be placed.
func (s *Session) Validate() error {
	_, err := ParseTime(s.RunDate)
	return invalid("session", fields{"session_h": nonEmpty(s.SessionH), "run_date": problem(err)})
}

// Validate checks what the types do not: a date that can be placed.
func (m *Metric) Validate() error {
	_, err := ParseTime(m.ItemStartTime)
	return invalid("metric", fields{"item_start_time": problem(err)})
}

type fields map[string]string

// invalid returns an EInvalid error that names the fields with a problem, nil where none has one.
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
