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
	firstRead  = 4 << 10  // holds every body of an ordinary test
	maxDiscard = 64 << 20 // bounds what is read of the body of a refused request
)

const jsonType = "application/json"

// ReadJSON is [ReadBody] for a body that has to be JSON. It fails where the headers say that the body is something else.
// A body without a Content-Type is taken as JSON.
func ReadJSON(r *http.Request, dst []byte, max int64) ([]byte, error) {
	if err := checkHeaders(r.Header); err != nil {
		return dst, err
	}
	return ReadBody(r, dst, max)
}

// ReadBody appends the body of a request to dst, and returns it also after an error. It fails with ETooLarge where the
// body has more than max bytes, and with a code of its own where the body is late or cut off. dst grows with what
// arrives, not with what is announced.
func ReadBody(r *http.Request, dst []byte, max int64) ([]byte, error) {
	if r.ContentLength > max {
		return dst, tooLarge(max)
	}
	start := len(dst)
	for {
		if len(dst) == cap(dst) {
			dst = append(make([]byte, 0, firstRead+2*cap(dst)), dst...)
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

func tooLarge(max int64) error {
	return monitor.Errorf(monitor.ETooLarge, "the body is larger than %d bytes", max)
}

// readError says why a body could not be read to its end.
func readError(r *http.Request, got int, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return monitor.Errorf(codeSlow, "the body did not arrive in time: %d bytes did", got)
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
	// A malformed parameter does not change what the body is.
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

// discardBody reads what is left of the body of a refused request. Most clients read the answer only after they have
// sent everything. To the plugin a connection that closes before is a failed test instead of a warning.
func discardBody(r *http.Request) {
	if r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, maxDiscard) // it is refused already
	}
}
