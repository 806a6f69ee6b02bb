package journal

import (
	"context"
	"fmt"

	"pymon-bridge/monitor"
)

// replaySome delivers some reports of a replay whose records are done. again says that there may be more. Its only error
// is errStopped.
func (c *ReportCourier) replaySome() (again bool, err error) {
	var replay *monitor.Replay
	var reports []monitor.PendingReport
	err = c.journal.do(c.life, func() (err error) {
		replay, err = c.Replays.NextReplay(c.life.hard, c.dest)
		if err != nil || replay == nil || !replay.State.RecordsDone() {
			replay = nil
			return err
		}
		if reports, err = c.Replays.ReplayReports(c.life.hard, replay, reportsAtATime); err != nil {
			return fmt.Errorf("read the reports behind version %d for a replay: %w", replay.State.Reports, err)
		}
		return nil
	})
	if err != nil || replay == nil {
		return false, err
	}
	if len(reports) == 0 {
		reports = []monitor.PendingReport{{Version: replay.State.ReportsUpTo}}
	}
	for _, r := range reports {
		refusal := ""
		if r.Report != nil {
			reply, err := c.send(c.retrier(r.Report), r.Report)
			if err != nil {
				return false, err
			}
			if reply.Kind != monitor.Delivered {
				refusal = line(reply.Message)
			}
		}
		ctx := context.WithoutCancel(c.life.hard)
		err := c.journal.do(c.life, func() error { return c.Replays.AckReplayReport(ctx, replay, r, refusal) })
		if err != nil {
			return false, err
		}
	}
	return replay.State.Ended.IsZero(), nil
}
