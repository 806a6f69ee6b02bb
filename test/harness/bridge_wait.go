package harness

import (
	"fmt"
	"net/http"
	"time"
)

// WaitReady waits until the bridge is ready.
func (b *Bridge) WaitReady() {
	b.tb.Helper()
	err := poll(time.Minute, b.proc.done, func() error {
		status, body, err := b.get("/-/ready")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	if err != nil {
		b.tb.Fatalf("the bridge is not ready: %v", err)
	}
}

// WaitDelivered waits until the bridge has delivered every record.
func (b *Bridge) WaitDelivered() {
	b.tb.Helper()
	err := poll(2*time.Minute, b.proc.done, func() error {
		metrics, err := b.scrape()
		if err != nil {
			return err
		}
		if depth, ok := metrics.Sum("pymon_bridge_journal_depth"); !ok || depth > 0 {
			return fmt.Errorf("journal depth %v (known: %v)", depth, ok)
		}
		return nil
	})
	if err != nil {
		b.tb.Fatalf("the bridge has not delivered: %v\n%s", err, b.proc.tail())
	}
}
