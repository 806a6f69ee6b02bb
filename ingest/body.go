package ingest

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

// buffer holds the body of a request and then that of its answer.
type buffer struct{ data []byte }

const (
	firstRead  = 4 << 10  // holds every body of an ordinary test
	maxRecycle = 64 << 10 // larger buffers are left to the garbage collector, so that odd bodies do not stay
)

func (h *Handler) recycle(b *buffer) {
	if cap(b.data) <= maxRecycle {
		h.buffers.Put(b)
	}
}

// readBody reads the JSON body of r into b.
func (h *Handler) readBody(r *http.Request, b *buffer) error {
	if err := checkHeaders(r.Header); err != nil {
		return err
	}
	if r.ContentLength > h.MaxBody {
		return h.tooLarge()
	}
	b.data = b.data[:0]
	// The buffer grows with what arrives, not with what is announced.
	for {
		if len(b.data) == cap(b.data) {
			b.data = append(make([]byte, 0, max(firstRead, 2*cap(b.data))), b.data...)
		}
		n, err := r.Body.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		switch {
		case int64(len(b.data)) > h.MaxBody:
			return h.tooLarge()
		case err == io.EOF:
			return nil
		case err != nil:
			return readError(r, len(b.data), err)
		}
	}
}

func (h *Handler) tooLarge() error {
	return monitor.Errorf(monitor.ETooLarge, "the body is larger than %d bytes", h.MaxBody)
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

const jsonType = "application/json"

// checkHeaders refuses bodies that are said to be something else than plain JSON. None said is taken as JSON.
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
