package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load posts metrics like the plugin, each as soon as the answer before it has come. It writes HTTP without a library, so
// that it leaves most of the machine to the server.
type load struct {
	connections int
	keepAlive   bool
	duration    time.Duration
	pause       time.Duration // wait of each client between two requests
	numbers     *atomic.Int64 // numbers the records, so that no two are equal
}

// result is the result of a load.
type result struct {
	requests int
	took     time.Duration
	p50, p99 time.Duration
}

func (r result) rate() float64 { return float64(r.requests) / r.took.Seconds() }

// run posts to the server at url until the duration is over. Each answer must be 201.
func (l load) run(tb testing.TB, url string) result {
	tb.Helper()
	address := strings.TrimPrefix(url, "http://")
	begin := time.Now()
	latencies := make([][]time.Duration, l.connections)
	errs := make([]error, l.connections)
	var clients sync.WaitGroup
	for n := range l.connections {
		clients.Go(func() { latencies[n], errs[n] = l.client(address, begin.Add(l.duration)) })
	}
	clients.Wait()
	took := time.Since(begin)
	for _, err := range errs {
		require.NoError(tb, err)
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return result{requests: len(all), took: took, p50: percentile(all, 50), p99: percentile(all, 99)}
}

// client posts one metric after the other.
func (l load) client(address string, until time.Time) (latencies []time.Duration, err error) {
	var conn net.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	var request, answer []byte
	for now := time.Now(); now.Before(until); {
		request = appendRequest(request[:0], l.numbers.Add(1))
		if conn == nil {
			if conn, err = net.Dial("tcp", address); err != nil {
				return latencies, err
			}
		}
		if answer, err = exchange(conn, request, answer[:0]); err != nil {
			return latencies, err
		}
		if !l.keepAlive {
			if err := conn.Close(); err != nil {
				return latencies, err
			}
			conn = nil
		}
		end := time.Now()
		latencies = append(latencies, end.Sub(now))
		if now = end; l.pause > 0 {
			time.Sleep(l.pause)
			now = time.Now()
		}
	}
	return latencies, nil
}

// exchange sends a request and reads the whole answer into buf.
func exchange(conn net.Conn, request, buf []byte) ([]byte, error) {
	if _, err := conn.Write(request); err != nil {
		return buf, err
	}
	for {
		buf = slices.Grow(buf, 4096)
		n, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if head, body, complete := bytes.Cut(buf, []byte("\r\n\r\n")); complete {
			if !bytes.HasPrefix(head, []byte("HTTP/1.1 201 ")) {
				return buf, fmt.Errorf("expected status 201, got %s", buf)
			}
			if len(body) >= contentLength(head) {
				return buf, nil
			}
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return buf, err
		}
	}
}

func contentLength(head []byte) int {
	_, after, _ := bytes.Cut(head, []byte("\r\nContent-Length: "))
	value, _, _ := bytes.Cut(after, []byte("\r\n"))
	n, _ := strconv.Atoi(string(value)) // 0 without the header
	return n
}

const (
	benchSession = "7a8a7506f9f336e97a8a7506f9f336e9"
	benchContext = "c487cfc55233ed4cc487cfc55233ed4c"
	benchTests   = 500
)

// appendRequest appends a request with the n-th metric of the load. Its headers and its JSON are like the plugin's.
func appendRequest(dst []byte, n int64) []byte {
	start := time.Now().UTC().Format("2006-01-02T15:04:05")
	test := n % benchTests
	body := fmt.Sprintf(`{"context_h": "%s", "session_h": "%s", "item_start_time": "%s.%06d", `+
		`"item_path": "tests.shop.test_checkout", "item": "test_total", "item_variant": "test_total[%d, EUR]", `+
		`"item_fs_loc": "tests/shop/test_checkout.py", "kind": "function", "component": "shop", `+
		`"total_time": 0.0%d1927185, "user_time": 0.02, "kernel_time": 0.009999999999999787, `+
		`"cpu_usage": 1.2%d25491, "mem_usage": 3.5%d625}`,
		benchContext, benchSession, start, n%1_000_000, test, n, n, n)
	return fmt.Appendf(dst, "POST /metrics/ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: python-requests/2.34.2\r\n"+
		"Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Length: %d\r\n"+
		"Content-Type: application/json\r\n\r\n%s", len(body), body)
}
