package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	clienthttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

// timeout bounds one request.
const timeout = time.Minute

// client makes the requests below /api/v2/.
type client struct {
	influx influxdb2.Client
	token  string
}

func newClient(cfg Config) client {
	options := influxdb2.DefaultOptions().SetApplicationName("pymon-bridge").SetHTTPClient(&http.Client{
		Transport: cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirected POST would become a GET
		},
	})
	return client{influxdb2.NewClientWithOptions(cfg.URL, cfg.Token, options), cfg.Token}
}

// request is one request. It says which permission it takes, as "write:buckets", because InfluxDB often does not.
type request struct {
	method, path string
	query        url.Values
	body         any // JSON
	needs        string
	doing        string // what an error says was being done
}

// get reads a list or an object.
func (c client) get(ctx context.Context, path string, query url.Values, needs string, into any) error {
	return c.do(ctx, request{method: http.MethodGet, path: path, query: query, needs: needs, doing: "reading " + path}, into)
}

// do makes a request and decodes the answer into what into points to, unless that is nil. Fails with a *monitor.Error
// that says what was being done and what the token lacks.
func (c client) do(ctx context.Context, r request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	payload, err := json.Marshal(r.body)
	if err != nil {
		return monitor.Errorf(monitor.EInternal, "%s: %w", r.doing, err)
	}
	service := c.influx.HTTPService()
	req, err := http.NewRequestWithContext(ctx, r.method, service.ServerAPIURL()+r.path+"?"+r.query.Encode(), bytes.NewReader(payload))
	if err != nil {
		return monitor.Errorf(monitor.EInternal, "%s: %w", r.doing, err)
	}
	refused := service.DoHTTPRequest(req, func(req *http.Request) {
		req.Header.Set("Content-Type", "application/json")
	}, func(resp *http.Response) error {
		defer func() { _ = resp.Body.Close() }()
		if into == nil {
			return nil
		}
		return influx.DecodeJSON(resp.Body, into)
	})
	if refused != nil {
		return c.explain(r, refused)
	}
	return nil
}

// explain says in words what InfluxDB's refusal means.
func (c client) explain(r request, e *clienthttp.Error) error {
	words := e.Message
	if e.Err != nil {
		words = e.Err.Error()
		if u, ok := errors.AsType[*url.Error](e.Err); ok {
			words = u.Err.Error() // the URL says nothing here
		}
	}
	words = monitor.HideSecret(words, c.token)
	if words == "" {
		words = fmt.Sprintf("InfluxDB answered %d %s", e.StatusCode, http.StatusText(e.StatusCode))
	}
	switch status := e.StatusCode; {
	case status == http.StatusUnauthorized && words == "unauthorized access":
		return monitor.Errorf(monitor.EUnauthorized, "%s: InfluxDB does not accept the token", r.doing)
	// Of tasks it says so within an internal error.
	case status == http.StatusUnauthorized, status == http.StatusForbidden, strings.HasSuffix(words, ": unauthorized"):
		return monitor.Errorf(monitor.EForbidden, "%s: the token lacks %s (%s)", r.doing, r.needs, words)
	case status == http.StatusNotFound:
		return monitor.Errorf(monitor.ENotFound, "%s: %s", r.doing, words)
	case strings.Contains(words, "already exists"), strings.Contains(words, "not unique"):
		return monitor.Errorf(monitor.EInvalid, "%s: %s, but the token does not see it: it lacks read:%s", r.doing, words, r.path)
	case status == http.StatusConflict, status == http.StatusUnprocessableEntity, status == http.StatusBadRequest:
		return monitor.Errorf(monitor.EInvalid, "%s: %s", r.doing, words)
	case status == 0:
		return monitor.Errorf(monitor.EUnavailable, "%s: InfluxDB does not answer: %s", r.doing, words)
	default:
		return monitor.Errorf(monitor.EUnavailable, "%s: %s", r.doing, words)
	}
}

// pageSize is how many elements of a list are asked for at a time: the most that all lists give.
const pageSize = 100

// list reads all pages of the checks, the endpoints or the rules of an organisation. InfluxDB leaves out, without a
// word, what the token may not read.
func list[T any](ctx context.Context, c client, path, orgID string) ([]T, error) {
	var all []T
	for {
		query := url.Values{"orgID": {orgID}, "limit": {fmt.Sprint(pageSize)}, "offset": {fmt.Sprint(len(all))}}
		var page map[string]json.RawMessage
		if err := c.get(ctx, path, query, "read:"+path, &page); err != nil {
			return nil, err
		}
		var part []T
		if err := json.Unmarshal(page[path], &part); err != nil {
			return nil, monitor.Errorf(monitor.EInternal, "reading %s: %w", path, err)
		}
		all = append(all, part...)
		if len(part) < pageSize {
			return all, nil
		}
	}
}
