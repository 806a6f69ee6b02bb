package main

// steps is the progress of a command that learns on the way how much there is to do.
type steps struct {
	m          *Main
	what, unit string
	bar        *progress // nil before the first step
	done       int64
}

func (m *Main) newSteps(what, unit string) *steps { return &steps{m: m, what: what, unit: unit} }

// to says that so much is done of a total.
func (s *steps) to(done, total int64) {
	if s.bar == nil {
		s.bar = s.m.newProgress(s.what, s.unit, total)
	}
	s.bar.add(done - s.done)
	s.done = done
}

func (s *steps) end() {
	if s.bar != nil {
		s.bar.end()
	}
}
