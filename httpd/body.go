package httpd

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"pymon-bridge/monitor"
)

const (
	firstRead  = 4 << 10  // bytes; the body for an ordinary test is shorter
	maxDiscard = 64 << 20 // bytes that the server reads at most from the body of a refused request
)

const jsonType = "application/json"

// ReadJSON is [ReadBody] for a JSON body. It fails if Content-Type or Content-Encoding contradict this. It takes a body
// without a Content-Type as JSON. It does not check the syntax.
func ReadJSON(r *http.Request, dst []byte, max int64) ([]byte, error) {
	if err := checkHeaders(r.Header); err != nil {
		return dst, err
	}
	return ReadBody(r, dst, max)
}

// ReadBody appends the body of a request to dst and returns dst, also after an error. It fails with ETooLarge if the body
// has more than max bytes, with "slow" if the body is late, and with "cut_off" if the body is incomplete. dst grows with
// the bytes that arrive, up to 64 KiB. For a larger body ReadBody waits until the budget of all bodies has room for it. If
// the budget is spent, the body whose client is furthest behind fails with "slow".
func ReadBody(r *http.Request, dst []byte, max int64) ([]byte, error) {
	if r.ContentLength > max {
		return dst, tooLarge(max)
	}
	start := len(dst)
	for {
		if len(dst) == cap(dst) {
			var ok bool
			if dst, ok = grow(r, dst, start, max); !ok {
				return dst, tooSlow(len(dst) - start)
			}
		}
		n, err := r.Body.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch got := len(dst) - start; {
		case int64(got) > max:
			return dst, tooLarge(max)
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, readError(r, got, err)
		}
	}
}

// grow returns dst with more capacity, but for not much more than a body of max bytes. Above freeBody it waits for the
// budget. ok is false when the server cut the connection instead.
func grow(r *http.Request, dst []byte, start int, max int64) (grown []byte, ok bool) {
	size, whole := firstRead+4*cap(dst), start+int(max)+1
	if r.ContentLength >= 0 {
		whole = start + int(r.ContentLength) + 1
	}
	if free := start + freeBody + 1; cap(dst) < free {
		size = min(size, free)
	} else if c := connOf(r); c != nil && !c.all.take(c, int64(min(size, whole)-start), int64(whole-start-1)) {
		return dst, false
	}
	return append(make([]byte, 0, min(size, whole)), dst...), true
}

func tooLarge(max int64) error {
	return monitor.Errorf(monitor.ETooLarge, "the body is larger than %d bytes", max)
}

func tooSlow(got int) error {
	return monitor.Errorf(codeSlow, "the body did not arrive in time: got %d bytes", got)
}

// readError says why a body could not be read to its end.
func readError(r *http.Request, got int, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return tooSlow(got)
	case errors.Is(err, io.ErrUnexpectedEOF) && r.ContentLength > 0:
		return monitor.Errorf(codeCutOff, "the body ended after %d of %d bytes", got, r.ContentLength)
	default:
		return monitor.Errorf(codeCutOff, "the body cannot be read: %w", err)
	}
}

func checkHeaders(header http.Header) error {
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return badHeader(codeEncoding, "Content-Encoding", encoding, "none")
	}
	contentType := header.Get("Content-Type")
	if contentType == "" || contentType == jsonType {
		return nil
	}
	// A malformed parameter does not change the media type.
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || media != jsonType {
		return badHeader(codeMediaType, "Content-Type", contentType, jsonType)
	}
	return nil
}

func badHeader(code monitor.Code, name, value, expected string) error {
	return &monitor.Error{
		Code:    code,
		Message: fmt.Sprintf("unsupported %s %q", name, value),
		Fields:  map[string]string{name: "expected " + expected},
	}
}

// discardBody reads the rest of the body of a refused request. Most clients send the whole body before they read the
// answer. If the connection closes earlier, pytest-monitor fails the test instead of printing a warning. What is read here
// needs nothing of the budget.
func discardBody(r *http.Request) {
	if c := connOf(r); c != nil {
		c.all.release(c)
	}
	if r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, maxDiscard) // an error does not matter: the request is refused anyway
	}
}
