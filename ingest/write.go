package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// decoder sets one of the three of rec from the body of a request to a path that ends in hash, "" if in none.
type decoder func(rec *monitor.Record, body []byte, hash string) error

// decodeContext does not care for the hash in the path, like the server that the plugin was made for.
func decodeContext(rec *monitor.Record, body []byte, _ string) (err error) {
	rec.Context, err = wire.DecodeContext(body)
	return err
}

func decodeSession(rec *monitor.Record, body []byte, hash string) (err error) {
	rec.Session, err = wire.DecodeSession(withSessionHash(body, hash))
	return err
}

func decodeMetric(rec *monitor.Record, body []byte, _ string) (err error) {
	rec.Metric, err = wire.DecodeMetric(body)
	return err
}

// withSessionHash puts the hash of the path in front of the members of an object. The body's own wins, since the
// last of a repeated member does.
func withSessionHash(body []byte, hash string) []byte {
	rest, isObject := bytes.CutPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
	if hash == "" || !isObject {
		return body
	}
	quoted, _ := json.Marshal(hash) // a string always has a JSON form
	named := append([]byte(`{"session_h":`), quoted...)
	if !bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("}")) {
		named = append(named, ',')
	}
	return append(named, rest...)
}

// post accepts one record and answers 201 with what is stored.
func (h *Handler) post(decode decoder) gin.HandlerFunc {
	return func(c *gin.Context) {
		b := h.buffers.Get().(*buffer)
		defer h.recycle(b)
		rec, err := h.accept(c, b, decode)
		if err != nil {
			fail(c, err)
			return
		}
		h.OnAccepted(rec.Class(), rec.Repeat)
		b.data = appendStored(b.data[:0], rec)
		writeJSON(c.Writer, http.StatusCreated, b.data)
	}
}

// accept reads, checks and stores the record of a request, using b for its body.
func (h *Handler) accept(c *gin.Context, b *buffer, decode decoder) (*monitor.Record, error) {
	rec := &monitor.Record{Project: writeProject(c), Received: h.Now(), Client: clientOf(c.Request)}
	if err := h.readBody(c.Request, b); err != nil {
		return nil, err
	}
	if err := decode(rec, b.data, c.Param(hashParam)); err != nil {
		return nil, err
	}
	sent := *rec // a repeat is replaced by what is stored
	// To net/http a client that has only closed its sending side is gone. It waits for its answer all the same.
	if err := h.parts.Journal.Append(context.WithoutCancel(c.Request.Context()), rec); err != nil {
		return nil, err
	}
	if rec.Differs {
		h.logDifference(c, &sent, rec)
	}
	switch {
	case rec.Context != nil:
		h.parts.Cache.PutContext(rec.Project, rec.Context)
	case rec.Session != nil:
		h.parts.Cache.PutSession(rec.Project, rec.Session)
	}
	return rec, nil
}

// logDifference says that a context or session came again with another content, which was not taken.
func (h *Handler) logDifference(c *gin.Context, sent, stored *monitor.Record) {
	h.parts.Log.LogAttrs(c.Request.Context(), slog.LevelWarn, "repeated with another content; the first one stays",
		slog.String("class", string(stored.Class())), slog.String("project", stored.Project),
		slog.String("hash", hashOf(stored)), slog.String("client", stored.Client),
		slog.String("stored_sha256", digest(stored)), slog.String("sent_sha256", digest(sent)))
}

func hashOf(rec *monitor.Record) string {
	if rec.Context != nil {
		return rec.Context.H
	}
	return rec.Session.SessionH
}

func digest(rec *monitor.Record) string {
	sum := sha256.Sum256(appendStored(nil, rec))
	return hex.EncodeToString(sum[:])
}

func appendStored(dst []byte, rec *monitor.Record) []byte {
	switch {
	case rec.Context != nil:
		return wire.AppendContext(dst, rec.Context)
	case rec.Session != nil:
		return wire.AppendSession(dst, rec.Session)
	default:
		return wire.AppendMetric(dst, rec.Metric)
	}
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", jsonType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// clientOf returns the address of the client without its port.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr // of a Unix socket
	}
	return host
}
