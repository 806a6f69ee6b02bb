package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor/turns"
)

// contentSecurity is the policy of every page.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// loader reads the data of a page.
type loader func(v *visit) (*view, error)

// visit is a request for a page.
type visit struct {
	*gin.Context
	Project string // empty for pages that are about no project
	State   *state
}

// view is what a loader answers with.
type view struct {
	Template  string   // name of the template of the whole page
	Fragments []string // names of the templates of parts that a script may ask for alone
	Title     string
	Place     string   // path of the place of the top bar that the page belongs to
	Scripts   []string // files besides those of every page
	Styles    []string
	Data      any           // for the template, and for `?format=json`
	Table     func() *table // for `?format=csv`; nil if the page has no table
	Redirect  string        // path to go to instead
}

// fragmentHeader names the part of a page that a script asks for.
const fragmentHeader = "X-Fragment"

// page makes a handler of a loader. It takes a turn for all its work, and gives it back before the client takes the answer.
func (p *Pages) page(load loader) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := &visit{Context: c, Project: httpd.ReadProject(c)}
		a, err := p.prepare(v, load)
		if err != nil {
			httpd.Fail(c, errors.Join(err, c.Request.Context().Err()))
			return
		}
		p.send(c, a)
	}
}

// prepare returns the whole answer, as it is sent.
func (p *Pages) prepare(v *visit, load loader) (*answer, error) {
	ctx := v.Request.Context()
	turn, err := p.parts.Turns.Take(ctx, v.Project)
	if err != nil {
		return nil, err
	}
	defer turn.Leave()
	v.Request = v.Request.WithContext(turns.NewContext(ctx, turn))
	a, err := p.fill(v, load)
	if err != nil {
		return nil, err
	}
	if a.redirect == "" {
		a.pack(v.Request)
	}
	return a, nil
}

// fill returns the answer.
func (p *Pages) fill(v *visit, load loader) (_ *answer, err error) {
	start := time.Now()
	if v.State, err = newState(v.Request.URL.RawQuery); err != nil {
		return nil, err
	}
	format := v.State.oneOf("format", "", "json", "csv")
	found, err := load(v)
	if err == nil {
		err = v.State.err()
	}
	if err != nil {
		return nil, err
	}
	if found.Redirect != "" {
		return &answer{redirect: found.Redirect}, nil
	}
	a := &answer{took: time.Since(start), body: bodies.Get().(*bytes.Buffer)}
	a.body.Reset()
	switch {
	case format == "json":
		return a, a.json(found)
	case format == "csv":
		return a, a.csv(found)
	}
	frame, err := p.frame(v, found)
	if err != nil {
		return nil, err
	}
	name := found.Template
	if part := v.GetHeader(fragmentHeader); slices.Contains(found.Fragments, part) {
		name = part
	}
	a.contentType = htmlType
	return a, templates.ExecuteTemplate(a.body, name, frame)
}

// answer is a whole answer in memory.
type answer struct {
	redirect    string
	contentType string
	body        *bytes.Buffer // of bodies until it is packed
	took        time.Duration

	tag       string
	unchanged bool   // the client has it already
	sent      []byte // the body, compressed if the client can read that
	packed    bool
}

// pack makes of the body what is sent.
func (a *answer) pack(r *http.Request) {
	sum := sha256.Sum256(a.body.Bytes())
	a.tag = `W/"` + hex.EncodeToString(sum[:8]) + `"`
	if a.unchanged = strings.Contains(r.Header.Get("If-None-Match"), a.tag); !a.unchanged {
		a.sent, a.packed = packed(r, a.body.Bytes())
	}
	if (a.packed || a.unchanged) && a.body.Cap() <= maxBody {
		bodies.Put(a.body)
	}
	a.body = nil // it is as large as the answer, and a slow reader takes long
}

// bodies are buffers for use again: one that grows makes twice the garbage of the page in it. Larger ones than maxBody are rare.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxBody = 256 << 10

// packed returns a body as it is sent: compressed if the client can read that.
func packed(r *http.Request, body []byte) (sent []byte, packed bool) {
	if acceptsGzip(r) {
		return compress(body), true
	}
	return body, false
}

const htmlType = "text/html; charset=utf-8"

// send sends the answer, or says that the client has it already.
func (p *Pages) send(c *gin.Context, a *answer) {
	setHeaders(c.Writer.Header())
	if a.redirect != "" {
		redirect(c, a.redirect)
		return
	}
	c.Header("ETag", a.tag)
	c.Header("Server-Timing", fmt.Sprintf("data;dur=%.1f", float64(a.took.Microseconds())/1000))
	if a.unchanged {
		c.Status(http.StatusNotModified)
		return
	}
	if len(a.sent) <= freeAnswer {
		write(c, http.StatusOK, a.contentType, a.sent, a.packed)
		return
	}
	w := http.NewResponseController(c.Writer)
	s := &sending{size: len(a.sent), began: p.Now(), cut: func() { _ = w.SetWriteDeadline(time.Unix(1, 0)) }} // fails if it is closed
	if err := p.sendings.begin(s, p.MaxSending); err != nil {
		httpd.Fail(c, err)
		return
	}
	defer p.sendings.end(s)
	head(c, http.StatusOK, a.contentType, a.packed)
	p.sendings.write(c.Writer, s, a.sent)
}

// setHeaders sets the headers of everything that is made for one reader at one time.
func setHeaders(header http.Header) {
	header.Set("Content-Security-Policy", contentSecurity)
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Vary", "Accept, Accept-Encoding, Cookie, "+fragmentHeader)
}

func write(c *gin.Context, status int, contentType string, body []byte, packed bool) {
	head(c, status, contentType, packed)
	_, _ = c.Writer.Write(body) // fails only if the client went away
}

func head(c *gin.Context, status int, contentType string, packed bool) {
	c.Header("Content-Type", contentType)
	if packed {
		c.Header("Content-Encoding", "gzip")
	}
	c.Status(status)
}
