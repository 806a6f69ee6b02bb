package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// client asks the routes of a bridge, in one project.
type client struct {
	URL     string // as in pytest's --remote-server
	Token   string // may be empty
	Project string // empty where the address or the token names it
}

// get asks a read route and returns an answer with the status 200 or 204. It follows no redirect. An error that may pass is
// a [laterError].
func (c client) get(ctx context.Context, query url.Values, path ...string) (*http.Response, error) {
	return c.ask(ctx, http.MethodGet, nil, query, path...)
}

// ask sends a request, and does the same with the answer. 201 is an answer to what changes something.
func (c client) ask(ctx context.Context, method string, body io.Reader, query url.Values, path ...string) (*http.Response, error) {
	request, err := c.request(ctx, method, body, query, path...)
	if err != nil {
		return nil, err
	}
	follow := http.Client{CheckRedirect: noRedirect}
	response, err := follow.Do(request)
	if err != nil {
		return nil, laterIfRestarting(err, unreachable(ctx, err))
	}
	if !slices.Contains([]int{http.StatusOK, http.StatusCreated, http.StatusNoContent}, response.StatusCode) {
		defer response.Body.Close()
		return nil, laterIfBusy(response, refusal(response))
	}
	return response, nil
}

// send changes something at the bridge, and reads its answer.
func (c client) send(ctx context.Context, method string, body map[string]any, into any, path ...string) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	response, err := c.ask(ctx, method, bytes.NewReader(text), nil, path...)
	if err != nil {
		return err
	}
	return decode(ctx, response, into)
}

// decode reads the whole answer into a value, and closes it. The error of a connection that ended before the answer did is a [laterError]:
// the bridge restarts, perhaps. An answer that came as a whole and is not JSON stays what it is.
func decode(ctx context.Context, response *http.Response, into any) error {
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	switch {
	case err != nil && ctx.Err() != nil:
		return unreachable(ctx, err)
	case err != nil:
		return laterIfRestarting(err, fmt.Errorf("the answer of %s was cut off: %w", shown(response.Request.URL), err))
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("the answer of %s, %d bytes of %q, is not what was asked for: %w", shown(response.Request.URL), len(content),
			response.Header.Get("Content-Type"), err)
	}
	return nil
}

// publicAddress returns the address at which people reach the bridge that answers, if it tells one. What else it tells is no address:
// the command open gives it to the programs of the desktop, which do with a "file:" or a "-h" what these ask for.
func publicAddress(answer http.Header) string {
	u, ok := webAddress(answer.Get("Pymon-Bridge-Address"))
	if !ok {
		return ""
	}
	return u.String()
}

// noRedirect is the policy of every request with a token: the token is for the given address only.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// request returns the request for a route of the API.
func (c client) request(ctx context.Context, method string, body io.Reader, query url.Values, path ...string) (*http.Request, error) {
	u, err := c.base()
	if err != nil {
		return nil, err
	}
	user := u.User
	u.User = nil
	route := []string{"api", "v1"}
	for _, name := range path {
		escaped := url.PathEscape(name)
		if strings.Trim(name, ".") == "" { // else it would lead to the folder itself, or to that above it
			escaped = strings.ReplaceAll(name, ".", "%2E")
		}
		route = append(route, escaped)
	}
	u = u.JoinPath(route...)
	u.RawQuery = query.Encode()
	return c.authorized(ctx, method, u, user, body)
}

// authorized returns a request with the token, or with that of the address.
func (c client) authorized(ctx context.Context, method string, u *url.URL, user *url.Userinfo, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "pymon-bridge/"+version)
	password, hasPassword := user.Password()
	switch {
	case c.Token != "":
		request.Header.Set("Authorization", "Bearer "+c.Token)
	case hasPassword:
		request.SetBasicAuth(user.Username(), password)
	}
	return request, nil
}

// webAddress reads an address of the web, with a host. ok is false for anything else.
func webAddress(text string) (u *url.URL, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return u, false
	}
	_, err = strconv.ParseUint(cmp.Or(u.Port(), "80"), 10, 16)
	return u, err == nil
}

// base returns the address above api/v1, with the project. It accepts every form of the address that pytest accepts.
func (c client) base() (*url.URL, error) {
	u, ok := webAddress(c.URL)
	if !ok {
		return nil, errors.New("--url: expected an address such as http://127.0.0.1:8080/p/my-project")
	}
	u.RawQuery, u.Fragment = "", ""
	u.Path, u.RawPath = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1"), ""
	before, named, ok := strings.Cut(u.Path+"/", "/p/")
	named = strings.TrimSuffix(named, "/")
	switch {
	case c.Project == "" || ok && named == c.Project:
		return u, nil
	case !monitor.ValidProject(c.Project):
		return nil, errors.New("--project: expected 1 to 64 letters, digits, dots, underscores and hyphens")
	case ok:
		return nil, fmt.Errorf("--project: expected %q as in --url, or no --project", named)
	default:
		u.Path = strings.TrimRight(before, "/")
		return u.JoinPath("p", c.Project), nil
	}
}

func (c client) hasToken() bool {
	u, err := c.base()
	if err != nil {
		return false
	}
	_, inAddress := u.User.Password()
	return c.Token != "" || inAddress
}

// origin returns the address of the bridge for readers of the report, without project and token.
func (c client) origin() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return ""
	}
	return origin(u)
}

// origin returns the address of the bridge from the address for pytest. It removes project, API and token.
func origin(u *url.URL) string {
	path, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1")+"/", "/p/")
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(path, "/")}).String()
}

// refusal returns the error of an answer that is not a report. The command follows no redirect: the token is for the given
// address only, and pytest's posts to that address would not follow either.
func refusal(response *http.Response) error {
	var body struct {
		Message string
		Errors  map[string]string
	}
	at := shown(response.Request.URL)
	if to, err := response.Location(); err == nil {
		return fmt.Errorf("%s redirects to %s (%s): expected the address of the bridge itself", at,
			(&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String(), response.Status)
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxLine))
	if err := json.Unmarshal(text, &body); err != nil || body.Message == "" {
		if strings.Contains(string(text), "HTTP request to an HTTPS server") { // Go's server says so
			return fmt.Errorf("the bridge at %s serves HTTPS: write https://", at)
		}
		return fmt.Errorf("%s answered %s: expected an answer of a bridge of version %s", at, response.Status, version)
	}
	said := monitor.Error{Message: body.Message, Fields: body.Errors}
	err := fmt.Errorf("%s (%s)", report.Printable(said.Error()), response.Status)
	if response.StatusCode == http.StatusNotFound {
		return &absentError{err}
	}
	return err
}

// absentError is the error of an answer that there is nothing.
type absentError struct{ error }

// shown returns an address without its password and its question.
func shown(u *url.URL) string {
	short := *u
	short.RawQuery = ""
	return short.Redacted()
}

// unreachable returns the error of a request without an answer. It hides the token that an address may have.
func unreachable(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) {
		return errors.New("stopped before there was an answer")
	} else if cause != nil {
		return cause
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		if u, parseErr := url.Parse(e.URL); parseErr == nil {
			if errors.Is(err, syscall.ECONNREFUSED) {
				u.Path = u.Path[:max(0, strings.LastIndex(u.Path, "/api/v1/"))]
				return fmt.Errorf("no bridge answers at %s: start one with `pymon-bridge serve`, or set --url", origin(u))
			}
			e.URL = shown(u)
		}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok && runtime.GOOS == "linux" {
		err = fmt.Errorf("%w; SSL_CERT_FILE names a file with the certificates to trust", err)
	}
	return fmt.Errorf("the bridge cannot be reached: %w", err)
}
