package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// influxClient makes plain calls to InfluxDB's API, so that the product's client is not what checks the product.
type influxClient struct {
	url   string
	token string
}

// call sends body, as JSON unless it is a string, and returns the answer's body. An answer that is not a success is
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

// do does the same without judging the answer.
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
