package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
)

// inline matches a script or a style that is in a page itself. The last group is its content.
var inline = regexp.MustCompile(`(?s)<(script|style)>(.*?)</`)

// docsPolicy returns a Content-Security-Policy that allows a page what it has, and nothing else: its own scripts and styles by
// their hashes, and files of the bridge.
func docsPolicy(page []byte) string {
	allowed := map[string]string{}
	for _, found := range inline.FindAllSubmatch(page, -1) {
		sum := sha256.Sum256(found[2])
		allowed[string(found[1])] += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; script-src 'self'" + allowed["script"] + "; style-src 'self'" + allowed["style"] +
		"; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// policed is an answer that waits until its policy is known.
type policed struct {
	http.ResponseWriter
	body bytes.Buffer
}

// Write keeps a part of the answer.
func (w *policed) Write(p []byte) (int, error) { return w.body.Write(p) }

// send sets the policy, and sends the answer.
func (w *policed) send() error {
	w.Header().Set("Content-Security-Policy", docsPolicy(w.body.Bytes()))
	_, err := w.ResponseWriter.Write(w.body.Bytes())
	return err
}
