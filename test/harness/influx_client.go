package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// influxClient calls InfluxDB's API with net/http alone. So the program's own client does not check the program.
type influxClient struct {
	url   string
	token string
}

// call sends body and returns the answer's body. A body that is not a string is sent as JSON. An answer without success is
// an error with the server's words.
func (c influxClient) call(method, path string, body any) ([]byte, error) {
	status, answer, err := c.do(method, path, body)
	if err != nil {
		return nil, err
	}
	if status/100 != 2 {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, status, strings.TrimSpace(string(answer)))
	}
	return answer, nil
}

// do is call without the check of the status.
func (c influxClient) do(method, path string, body any) (status int, answer []byte, err error) {
	kind, payload := "text/plain; charset=utf-8", []byte(nil)
	switch b := body.(type) {
	case nil:
	case string:
		payload = []byte(b)
	default:
		kind = "application/json"
		if payload, err = json.Marshal(b); err != nil {
			return 0, nil, err
		}
	}
	req, err := http.NewRequest(method, c.url+path, bytes.NewReader(payload))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", kind)
	if c.token != "" {
		req.Header.Set("Authorization", "Token "+c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}
