package httpd_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

var healthy = []byte("GET /-/healthy HTTP/1.1\r\nHost: bridge\r\n\r\n")

// download is a request for an answer of 4 MiB.
var download = []byte("GET /download HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n")

// cutShort returns a POST without its last byte.
func cutShort(size int) []byte {
	whole := post("/metrics/", strings.Repeat("x", size))
	return whole[:len(whole)-1]
}

func TestTheConnectionThatWaitsLongestLeavesItsPlace(t *testing.T) {
	body := post("/metrics/", metricBody)
	for _, tt := range []struct {
		name   string
		first  []byte // what the first client sends
		status int    // what it gets
		others [][]byte
	}{
		{"idle", body, 0, [][]byte{body, body}},
		{"with half of a body", cutShort(100), http.StatusRequestTimeout, [][]byte{cutShort(100), cutShort(100), cutShort(100)}},
		{"idle, although others have waited longer for a body", body, 0, [][]byte{cutShort(100), cutShort(100)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bridge, net *pipes) {
				b.MaxConns = 3
				assert.NoError(t, b.Open(net))
				var others []client
				connect := func() {
					for _, sent := range tt.others {
						others = append(others, net.connect(t, sent))
						time.Sleep(time.Second)
					}
				}
				late := strings.Contains(tt.name, "although")
				if late {
					connect()
				}
				first := net.connect(t, tt.first)
				if string(tt.first) == string(body) {
					assert.Equal(t, http.StatusCreated, readAnswer(first).status)
				}
				time.Sleep(time.Second)
				if !late {
					connect()
				}
				newest := net.connect(t, body)
				assert.Equal(t, http.StatusCreated, readAnswer(newest).status, "another client is served at once")
				if tt.status != 0 {
					assert.Equal(t, tt.status, readAnswer(first).status)
				}
				assert.True(t, first.closed())
				synctest.Wait()
				assert.Equal(t, 3, sum(b.Connections()), "nobody else leaves")
			})
		})
	}
}

func sum(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

// Nobody is at fault for requests that wait for the bridge. So none of them is cut, and there is room to ask for its health.
func TestHandledRequestsAreNeverCut(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		b.MaxConns = 2
		g := newBarrier(b)
		assert.NoError(t, b.Open(net))
		var handled []client
		for range 2 + 1024 {
			handled = append(handled, net.connect(t, post("/metrics/", metricBody)))
			<-g.entered
		}
		time.Sleep(10 * time.Second)
		for range 100 {
			assert.Equal(t, http.StatusServiceUnavailable, readAnswer(net.connect(t, post("/metrics/", metricBody))).status)
		}
		begin := time.Now()
		assert.Equal(t, http.StatusOK, readAnswer(net.connect(t, healthy)).status)
		assert.Less(t, time.Since(begin), time.Second)
		synctest.Wait()
		assert.Equal(t, 2+1024, b.Connections()["handling"])
		close(g.open)
		for _, c := range handled {
			assert.Equal(t, http.StatusCreated, readAnswer(c).status)
		}
	})
}

// Connections of every kind that waits for its client fill all places at once.
func TestHealthIsAnsweredAtOnceBesideStalledClients(t *testing.T) {
	for name, sent := range map[string][]byte{"silent": nil, "a stalled head": healthy[:20], "a stalled body": cutShort(100),
		"a stalled large body": cutShort(large), "idle": healthy, "an answer that nobody reads": download} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bridge, net *pipes) {
				b.MaxConns = 20
				assert.NoError(t, b.Open(net))
				for range 20 + 1024 + 64 {
					net.connect(t, sent)
				}
				begin := time.Now()
				assert.Equal(t, http.StatusOK, readAnswer(net.connect(t, healthy)).status)
				assert.Less(t, time.Since(begin), time.Second)
			})
		})
	}
}

func TestAnAnswerThatNobodyTakesLeavesItsPlace(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes int64 // that the client takes four times a second
		cut   bool
	}{{"nothing", 0, true}, {"4 KiB", 4 << 10, true}, {"64 KiB", 64 << 10, false}} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bridge, net *pipes) {
				b.MaxConns = 1
				assert.NoError(t, b.Open(net))
				reader, taken := net.connect(t, download), int64(0)
				for range 56 {
					time.Sleep(250 * time.Millisecond)
					n, _ := io.CopyN(io.Discard, reader, tt.bytes) // fails after the cut
					taken += n
					assert.Equal(t, http.StatusCreated, readAnswer(net.connect(t, post("/metrics/", metricBody))).status)
				}
				rest, err := io.Copy(io.Discard, reader)
				assert.NoError(t, err, "the connection is closed")
				assert.Equal(t, tt.cut, taken+rest < large)
			})
		})
	}
}

func TestABodyWithoutProgressLeavesItsPlace(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes int // that the client sends four times a second
		cut   bool
	}{{"single bytes", 1, true}, {"4 KiB", 4 << 10, true}, {"64 KiB", 64 << 10, false}} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bridge, net *pipes) {
				b.MaxConns = 1
				assert.NoError(t, b.Open(net))
				whole := post("/metrics/", strings.Repeat("x", large))
				sender := net.connect(t)
				for n := range 56 {
					sender.send(whole[n*tt.bytes : (n+1)*tt.bytes])
					time.Sleep(250 * time.Millisecond)
					assert.Equal(t, http.StatusCreated, readAnswer(net.connect(t, post("/metrics/", metricBody))).status)
				}
				sender.send(whole[56*tt.bytes:])
				assert.Equal(t, !tt.cut, readAnswer(sender).status == http.StatusCreated)
			})
		})
	}
}

func TestTheLogSaysOnceThatTheLimitIsReached(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		b.MaxConns = 5
		assert.NoError(t, b.Open(net))
		for range 50 {
			c := net.connect(t, healthy)
			assert.Equal(t, http.StatusOK, readAnswer(c).status)
			time.Sleep(100 * time.Millisecond)
		}
		lines := strings.Count(b.log.String(), "the limit of connections is reached")
		assert.Equal(t, 1, lines, b.log.String())
		assert.Regexp(t, `level=WARN .* limit=5 open=\d most="pipe: \d"`, b.log.String())
		assert.NotContains(t, b.log.String(), "level=ERROR")
		time.Sleep(time.Minute)
		for range 8 {
			assert.Equal(t, http.StatusOK, readAnswer(net.connect(t, healthy)).status)
		}
		time.Sleep(time.Second)
		assert.Equal(t, 2, strings.Count(b.log.String(), "the limit of connections is reached"))
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		assert.NoError(t, b.Open(net))
		c := net.connect(t, healthy)
		assert.Equal(t, http.StatusOK, readAnswer(c).status)
		begin := time.Now()
		assert.True(t, c.closed())
		assert.Equal(t, 30*time.Second, time.Since(begin))
	})
}
