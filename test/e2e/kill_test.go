package e2e_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// killings is how often the bridge is killed.
const killings = 30

// The test kills the bridge at random moments while 16 clients post and the bridge delivers. In the end each record with a
// 201 is in InfluxDB once, with equal bits. A record without a 201 is there at most once.
func TestKilledBridgeKeepsEachAcknowledgedRecord(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	proxy := harness.StartProxy(t, influx)
	// The proxy is slow, so that a kill hits a delivery before or after it is stored.
	proxy.OnWrite(func(w *harness.Write) harness.Answer {
		time.Sleep(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		answer := w.Forward()
		time.Sleep(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		return answer
	})
	bridge, bucket, _ := startBridge(t, proxy.Influx(), harness.BridgeConfig{Args: []string{"--client-timezone", "UTC"}})
	posts := newPoster(bridge.URL)
	process := newMachine()
	process.enrol(t, posts)

	ledgers := make([]*ledger, writers)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for n := range ledgers {
		ledgers[n] = newLedger()
		busy.Go(func() { ledgers[n].fill(posts, process, "test_cart["+strconv.Itoa(n)+"]", stop) })
	}
	for range killings {
		time.Sleep(time.Duration(rand.Int64N(int64(300 * time.Millisecond))))
		bridge.Kill()
		bridge.Start()
	}
	close(stop)
	busy.Wait()
	proxy.OnWrite(nil)
	bridge.WaitDelivered()

	all := newLedger()
	for _, l := range ledgers {
		require.NotEmpty(t, l.acknowledged)
		maps.Copy(all.acknowledged, l.acknowledged)
		maps.Copy(all.unanswered, l.unanswered)
		all.cut, all.again = all.cut+l.cut, all.again+l.again
	}
	t.Logf("%d records acknowledged, %d of them not at once; %d never; %d requests cut off", len(all.acknowledged), all.again,
		len(all.unanswered), all.cut)
	require.Positive(t, all.cut, "no kill hit a request")
	require.Positive(t, all.again, "no record was posted again")
	all.assertKept(t, count(points(t, influx, bucket)))
}

// ledger has the records of one client.
type ledger struct {
	acknowledged map[harness.PymonMetric]bool
	unanswered   map[harness.PymonMetric]bool // the bridge may have kept them or not
	again        int                          // records acknowledged after a first attempt without an answer
	cut          int                          // requests that reached a bridge and got no answer
}

func newLedger() *ledger {
	return &ledger{acknowledged: map[harness.PymonMetric]bool{}, unanswered: map[harness.PymonMetric]bool{}}
}

// fill posts one record after the other until stop is closed. It repeats every second record until there is an answer.
func (l *ledger) fill(posts *poster, process machine, variant string, stop <-chan struct{}) {
	start := time.Now()
	for n := 0; !closed(stop); n++ {
		l.post(posts, process.metric(variant, start.Add(time.Duration(n)*time.Microsecond)), n%2 == 0, stop)
	}
}

// post posts one record. With insist it repeats the record until there is an answer.
func (l *ledger) post(posts *poster, record harness.PymonMetric, insist bool, stop <-chan struct{}) {
	for attempt := 0; ; attempt++ {
		answer := posts.try("/metrics/", metricJSON(record))
		if answer.status == http.StatusCreated {
			l.acknowledged[record] = true
			l.again += min(attempt, 1)
			return
		}
		if !errors.Is(answer.err, syscall.ECONNREFUSED) {
			l.cut++
		}
		if !insist || closed(stop) {
			l.unanswered[record] = true
			return
		}
		time.Sleep(5 * time.Millisecond) // the bridge is gone
	}
}

func closed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// assertKept compares the stored points with the ledger.
func (l *ledger) assertKept(t *testing.T, stored map[harness.PymonMetric]int) {
	t.Helper()
	lost, twice, foreign := 0, 0, 0
	for record := range l.acknowledged {
		if stored[record] == 0 {
			lost++
		}
	}
	for record, count := range stored {
		if count > 1 {
			twice++
		}
		if !l.acknowledged[record] && !l.unanswered[record] {
			foreign++
		}
	}
	assert.Zero(t, lost, "acknowledged records without a point")
	assert.Zero(t, twice, "records with more than one point")
	assert.Zero(t, foreign, "points that nobody posted")
}
