package web

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

const (
	loginPath  = "/-/login"
	logoutPath = "/-/logout"
	codePath   = "/-/login/code"
	maxForm    = 16 << 10 // bytes of the form
)

// loginPage is the data of the page with the form.
type loginPage struct {
	Next    string // where to go then
	Problem string
	None    bool // there is no token to log in with
}

// ownPath returns a path of the bridge itself, or "/": a link must not lead from the form to another site.
func ownPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	for part := range strings.SplitSeq(u.Path, "/") { // browsers would leave the path of the bridge behind a proxy
		if part == "." || part == ".." {
			return "/"
		}
	}
	return path
}

// getLogin answers with the form. Who may read the project already goes on at once: the "#" takes away what is behind that of the
// address, such as a code that is not needed.
func (p *Pages) getLogin(c *gin.Context) {
	next := ownPath(c.Query("next"))
	below, found := strings.CutPrefix(next, "/p/")
	if project, _, _ := strings.Cut(below, "/"); found && p.server.MayRead(c, project) {
		setHeaders(c.Writer.Header())
		redirect(c, next+"#main")
		return
	}
	p.showLogin(c, http.StatusOK, loginPage{Next: next})
}

// postCode answers with a code for [postLogin], "" where the bridge needs no token. Browsers get it behind the "#" of an address, which
// stays in the browser: it is in no log of a proxy and in no Referer. A script puts it into a form, and the form waits for a click. So
// nothing that fetches the page in advance uses the code up.
func (p *Pages) postCode(c *gin.Context) {
	setHeaders(c.Writer.Header())
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, gin.H{"code": p.server.LoginCode(c)})
}

func (p *Pages) showLogin(c *gin.Context, status int, data loginPage) {
	p.show(c, status, &view{Template: "login", Title: "Log in", Data: data})
}

// postLogin takes a token and sets a cookie. The token is in the form, never in the address.
func (p *Pages) postLogin(c *gin.Context) {
	if err := readForm(c, maxForm); err != nil {
		httpd.Fail(c, err)
		return
	}
	token, code, next := strings.TrimSpace(c.PostForm("token")), c.PostForm("code"), ownPath(c.PostForm("next"))
	logIn, invalid := func() (string, error) { return p.server.LogIn(c, token) }, "This token is not valid. It may be misspelt, expired or revoked."
	if code != "" {
		logIn = func() (string, error) { return p.server.LogInByCode(c, code) }
		token, invalid = "of the code", "This code was used already, or is older than a minute. Type `pymon-bridge open` again, or enter a token."
	}
	project, err := logIn()
	switch reason := monitor.ErrorCode(err); {
	case err == nil:
		if next == "/" && project != "" {
			next = "/p/" + project + "/"
		}
		redirect(c, next)
	case token == "":
		p.showLogin(c, http.StatusUnauthorized, loginPage{Next: next, Problem: "Enter a token."})
	case reason == monitor.EUnauthorized:
		p.showLogin(c, http.StatusUnauthorized, loginPage{Next: next, Problem: invalid})
	case reason == monitor.EForbidden:
		p.showLogin(c, http.StatusForbidden, loginPage{Next: next, Problem: title(err.Error()) + "."})
	default:
		httpd.Fail(c, err)
	}
}

// readForm reads the form of a request. It fails with ETooLarge where the form has more than max bytes.
func readForm(c *gin.Context, max int64) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, max)
	err := c.Request.ParseForm()
	switch _, large := errors.AsType[*http.MaxBytesError](err); {
	case large:
		return monitor.Errorf(monitor.ETooLarge, "the form is larger than %d bytes", max)
	case err != nil:
		return monitor.Errorf(monitor.EInvalid, "the form cannot be read: %w", err)
	}
	return nil
}

func (p *Pages) postLogout(c *gin.Context) {
	p.server.LogOut(c)
	redirect(c, loginPath)
}

// errorPage is the data of a page about an error.
type errorPage struct {
	httpd.ErrorAnswer
	Heading string
	Advice  string
}

// answerError answers with a page that says what happened, why, and what to do.
func (p *Pages) answerError(c *gin.Context, e httpd.ErrorAnswer) {
	if e.Status == http.StatusUnauthorized {
		next := "/"
		if c.Request.Method == http.MethodGet {
			next = ownPath(c.Request.URL.RequestURI())
		}
		none := !strings.Contains(e.Message, "required") && !strings.Contains(e.Message, "not valid")
		p.showLogin(c, e.Status, loginPage{Next: next, None: none})
		return
	}
	heading, advice := "Something went wrong in the bridge", "The log of the bridge has the reason. Try again, and report it if it happens again."
	switch {
	case e.Status == http.StatusNotFound:
		heading, advice = "There is no such page", "The address may be mistyped, or what it names was removed."
	case e.Status == http.StatusBadRequest && c.Request.Method == http.MethodPost:
		heading, advice = "What you sent is wrong", "Go back, change what is named above, and send it again."
	case e.Status == http.StatusBadRequest:
		heading, advice = "The address is wrong", "Change or remove the parameter that is named above."
	case e.Status == http.StatusForbidden:
		heading, advice = "This is not for you", "Log in with a token that may read this project."
	case e.Status == http.StatusMisdirectedRequest:
		heading, advice = "The bridge does not know this name", "Use its address, or localhost."
	case e.Status == http.StatusServiceUnavailable:
		heading, advice = "The bridge cannot answer now", "Load the page again in half a minute."
	case e.Status < http.StatusInternalServerError:
		heading, advice = "The bridge cannot answer this", "Go back to the page that you came from."
	}
	p.show(c, e.Status, &view{Template: "error", Title: heading, Data: errorPage{e, heading, advice}})
}

// show answers with a page that is about no project.
func (p *Pages) show(c *gin.Context, status int, found *view) {
	f := &frame{View: found, Data: found.Data, words: p.parts.Words, prefix: httpd.LinkPrefix(c), state: &state{},
		LoggedIn: p.server.LoggedIn(c)}
	if p.server.Trusts(c) { // strangers learn no version
		f.Version = p.parts.Version
	}
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, found.Template, f); err != nil {
		p.parts.Log.ErrorContext(c.Request.Context(), "a page cannot be made", "page", found.Template, "error", err)
	}
	setHeaders(c.Writer.Header())
	sent, packed := packed(c.Request, body.Bytes())
	write(c, status, htmlType, sent, packed)
}
