package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Headers as the clients send them.
const (
	headersMonitor = "User-Agent: python-requests/2.34.2\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
	headersPlugin  = "Accept-Encoding: identity\r\nUser-Agent: pymon-bridge-plugin\r\n"
	headersBrowser = "User-Agent: Mozilla/5.0\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n"
)

// connection is the HTTP of one client. It writes requests itself, so that it leaves most of the machine to the server.
type connection struct {
	address string // host and port
	headers string
	keep    bool      // otherwise the client closes it after each answer
	cutoff  time.Time // when the client gives up

	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

func dialer(t target, headers string, keep bool, cutoff time.Time) *connection {
	return &connection{address: strings.TrimPrefix(t.url, "http://"), headers: headers, keep: keep, cutoff: cutoff}
}

// do sends a request and reads the whole answer. A kept connection that the server has closed is opened again.
func (c *connection) do(method, path string, body []byte) (status int, err error) {
	c.out = fmt.Appendf(c.out[:0], "%s %s HTTP/1.1\r\nHost: %s\r\n%s", method, path, c.address, c.headers)
	if body != nil {
		c.out = fmt.Appendf(c.out, "Content-Length: %d\r\nContent-Type: application/json\r\n", len(body))
	}
	c.out = append(append(c.out, "\r\n"...), body...)
	kept := c.conn != nil
	if status, err = c.exchange(method); err != nil && kept && !errors.Is(err, os.ErrDeadlineExceeded) {
		status, err = c.exchange(method)
	}
	return status, err
}

func (c *connection) exchange(method string) (status int, err error) {
	if c.conn == nil {
		if c.conn, err = (&net.Dialer{Deadline: c.cutoff}).Dial("tcp", c.address); err != nil {
			c.conn = nil
			return 0, err
		}
		if err := c.conn.SetDeadline(c.cutoff); err != nil {
			return 0, err
		}
		if c.in == nil {
			c.in = bufio.NewReader(nil)
		}
		c.in.Reset(c.conn)
	}
	closes := true
	defer func() {
		if closes || !c.keep {
			c.close()
		}
	}()
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, err
	}
	closes = answer.Close
	return answer.StatusCode, nil
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
