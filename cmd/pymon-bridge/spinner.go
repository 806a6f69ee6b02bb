package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// spinAfter is how long people wait before they want to know what for.
	spinAfter = 300 * time.Millisecond
	// spinEvery is the time between two pictures.
	spinEvery = 100 * time.Millisecond
)

// pictures make a wheel that turns.
var pictures = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// spinner says on a terminal what a command waits for, in one line that goes away. In a log it says nothing.
type spinner struct {
	w    io.Writer
	what string
	stop chan struct{}
	over sync.WaitGroup
	once sync.Once

	mu    sync.Mutex
	shown bool
}

// spin begins to wait for something, such as "waiting for the report". The caller ends it.
func (m *Main) spin(what string) *spinner {
	s := &spinner{w: m.Stderr, what: what, stop: make(chan struct{})}
	if isTerminal(m.Stderr) && os.Getenv("TERM") != "dumb" {
		s.start()
	}
	return s
}

func (s *spinner) start() {
	s.over.Go(func() {
		wait := time.NewTimer(spinAfter)
		defer wait.Stop()
		for i := 0; ; i++ {
			select {
			case <-s.stop:
				return
			case <-wait.C:
				s.show(pictures[i%len(pictures)])
				wait.Reset(spinEvery)
			}
		}
	})
}

func (s *spinner) show(picture rune) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, "\r%c %s", picture, s.what)
	s.shown = true
}

// clear removes the line.
func (s *spinner) clear() {
	if s.shown {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.shown = false
	}
}

// say prints a line that stays.
func (s *spinner) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// end removes the line for good. It may be called again.
func (s *spinner) end() {
	s.once.Do(func() {
		close(s.stop)
		s.over.Wait()
		s.clear()
	})
}
