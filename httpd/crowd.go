package httpd

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

const (
	// busyRoom is the number of connections above the limit that may be open while they wait for the bridge.
	busyRoom = 1024
	// healthRoom is the number of connections that are kept for requests about the bridge's health.
	healthRoom = 64
	// crowdedRetry is the Retry-After of a request that the server has no room for.
	crowdedRetry = time.Second
	// warnEach is the least time between two warnings about the limit.
	warnEach = time.Minute
	// namedHolders is the number of addresses in a warning.
	namedHolders = 3
)

// crowded says whether so many other requests wait for the bridge that the rest of the room is kept for those about its
// health.
func (o *openConns) crowded(c *conn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	room := o.limit + busyRoom
	if len(o.open) <= room {
		return false
	}
	for other := range o.open { // in phaseNew there is no request yet
		if other != c && other.phase != phaseNew && !other.waitsForClient() {
			room--
		}
	}
	return room <= 0
}

// refuseCrowd refuses a request while the server is crowded.
func (s *Server) refuseCrowd(c *gin.Context) {
	if own := connOf(c.Request); own != nil && s.conns.crowded(own) {
		Fail(c, &monitor.Error{Code: monitor.EUnavailable, RetryAfter: crowdedRetry,
			Message: "too many requests wait for the bridge"})
	}
}

// warn logs that the limit was reached, once a minute while it is. It names the addresses with the most connections.
func (o *openConns) warn() {
	o.mu.Lock()
	if !o.full || time.Since(o.warned) < warnEach {
		o.mu.Unlock()
		return
	}
	o.full, o.warned = false, time.Now()
	open, holders := len(o.open), map[string]int{}
	for c := range o.open {
		holders[hostOf(c.RemoteAddr().String())]++
	}
	o.mu.Unlock()
	addresses := slices.SortedFunc(maps.Keys(holders), func(a, b string) int {
		return cmp.Or(holders[b]-holders[a], strings.Compare(a, b))
	})
	var most []string
	for _, address := range addresses[:min(namedHolders, len(addresses))] {
		most = append(most, fmt.Sprintf("%s: %d", address, holders[address]))
	}
	o.log.Warn("the limit of connections is reached; those that wait longest for their clients are closed",
		"limit", o.limit, "open", open, "most", strings.Join(most, ", "))
}
