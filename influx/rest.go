package influx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	clienthttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"pymon-bridge/monitor"
)

// rest makes the requests that are no deliveries: set-up and queries.
type rest struct {
	client  influxdb2.Client
	timeout time.Duration
	hide    func(string) string // removes tokens from a text
}

func newRest(cfg Config) rest {
	options := influxdb2.DefaultOptions().
		SetApplicationName(applicationName).
		SetHTTPClient(&http.Client{Transport: cfg.Transport, CheckRedirect: noRedirect})
	return rest{client: influxdb2.NewClientWithOptions(cfg.URL, "", options),
		timeout: cfg.Timeout, hide: cfg.token.hide}
}

// call makes one request below /api/v2/ and hands a successful answer to read, if read is not nil.
// The error is a *monitor.Error with InfluxDB's words.
func (r rest) call(ctx context.Context, method, path string, query url.Values, body string, read func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.client.HTTPService().ServerAPIURL()+path+"?"+query.Encode(), strings.NewReader(body))
	if err != nil {
		return monitor.Errorf(monitor.EInternal, "make a request to InfluxDB: %w", err)
	}
	return r.do(req, http.Header{"Content-Type": {"application/json"}}, func(resp *http.Response) error {
		if read == nil {
			return nil
		}
		return read(resp)
	})
}

// do makes a request and hands a successful answer to read. The error is as that of call.
func (r rest) do(req *http.Request, header http.Header, read func(*http.Response) error) error {
	answered := r.client.HTTPService().DoHTTPRequest(req, func(req *http.Request) {
		maps.Copy(req.Header, header)
	}, func(resp *http.Response) error {
		defer func() { _ = resp.Body.Close() }()
		return read(resp)
	})
	if answered != nil {
		return r.refusal(answered)
	}
	return nil
}

// DecodeJSON reads a list or an object in an answer of InfluxDB, and of the answer 16 MiB at most. Those that are asked for are far
// shorter.
func DecodeJSON(answer io.Reader, into any) error {
	return json.NewDecoder(io.LimitReader(answer, 16<<20)).Decode(into)
}

// getJSON reads a list or an object. date is when InfluxDB answered by its own clock, zero where the answer does not say it.
func (r rest) getJSON(ctx context.Context, path string, query url.Values, into any) (date time.Time, err error) {
	err = r.call(ctx, http.MethodGet, path, query, "", func(resp *http.Response) error {
		date, _ = http.ParseTime(resp.Header.Get("Date"))
		return DecodeJSON(resp.Body, into)
	})
	return date, err
}

// refusal translates the client's error.
func (r rest) refusal(e *clienthttp.Error) *monitor.Error {
	if known, ok := errors.AsType[*monitor.Error](e.Err); ok {
		known.Message = r.hide(known.Message)
		return known
	}
	err := &monitor.Error{
		Code:       refusalCode(e.StatusCode),
		Message:    shorten(e.Message),
		RetryAfter: time.Duration(e.RetryAfter) * time.Second,
		Err:        e.Err,
	}
	if e.Err != nil {
		// The URL that net/http puts before the cause says nothing here.
		cause := e.Err
		if u, ok := errors.AsType[*url.Error](cause); ok {
			cause = u.Err
		}
		err.Message = cause.Error()
	}
	err.Message = r.hide(err.Message)
	if err.Message == "" {
		err.Message = fmt.Sprintf("InfluxDB answered %d %s", e.StatusCode, http.StatusText(e.StatusCode))
	}
	return err
}

// refusalCode says what a status means to who asked. Status 0 is the lack of an answer.
func refusalCode(status int) monitor.Code {
	switch status {
	case http.StatusUnauthorized:
		return monitor.EUnauthorized
	case http.StatusForbidden:
		return monitor.EForbidden
	case http.StatusNotFound:
		return monitor.ENotFound
	case http.StatusRequestEntityTooLarge:
		return monitor.ETooLarge
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return monitor.EInvalid
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return monitor.EUnavailable
	}
	if status >= 500 || status < 300 {
		return monitor.EUnavailable
	}
	return monitor.EForbidden
}
