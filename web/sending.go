package web

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

const (
	// freeAnswer is the size in bytes of an answer that needs nothing of the memory for large ones. Most pages are smaller.
	freeAnswer = 1 << 20
	// sendingRate is the number of bytes that the reader of a large answer should take in a second.
	sendingRate = 64 << 10
	// sendingPatience is how far the reader of a large answer may fall behind although others need its memory.
	sendingPatience = 2 * time.Second
	// sendingPiece is the number of bytes after whose writing the progress shows.
	sendingPiece = 64 << 10
)

// sendings shares memory among the large answers that are on their way. While others need it, the answer whose reader is
// furthest behind is cut, so slow readers cost no more memory than that, and do not keep others waiting.
type sendings struct {
	mu   sync.Mutex
	held int
	line []*sending
}

// sending is a large answer on its way.
type sending struct {
	size, sent int
	began      time.Time
	cut        func() // makes its writes fail
}

// behind returns how far the reader has fallen behind.
func (s *sending) behind(now time.Time) time.Duration {
	return now.Sub(s.began) - time.Duration(s.sent)*time.Second/sendingRate
}

// begin takes memory for an answer. It fails with EUnavailable where all is held for readers that take their answers. An answer
// that is larger than max has it alone.
func (a *sendings) begin(s *sending, max int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.line) > 0 && a.held+s.size > max {
		slowest := slices.MaxFunc(a.line, func(x, y *sending) int { return int(x.behind(s.began) - y.behind(s.began)) })
		if slowest.behind(s.began) < sendingPatience {
			err := monitor.Errorf(monitor.EUnavailable, "too many large answers are on their way: try again later")
			err.RetryAfter = 5 * time.Second
			return err
		}
		slowest.cut()
		a.drop(slowest)
	}
	a.held += s.size
	a.line = append(a.line, s)
	return nil
}

// end gives the memory of an answer back.
func (a *sendings) end(s *sending) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(s)
}

func (a *sendings) drop(s *sending) {
	if at := slices.Index(a.line, s); at >= 0 {
		a.line = slices.Delete(a.line, at, at+1)
		a.held -= s.size
	}
}

// write writes a large answer, and notes how much of it the reader has taken. It fails only if the reader went away or was cut.
func (a *sendings) write(w http.ResponseWriter, s *sending, body []byte) {
	for piece := range slices.Chunk(body, sendingPiece) {
		n, err := w.Write(piece)
		a.mu.Lock()
		s.sent += n
		a.mu.Unlock()
		if err != nil {
			return
		}
	}
}
