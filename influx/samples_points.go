package influx

import (
	"context"

	"pymon-bridge/monitor"
)

// sampleFields are the fields that samples are made of, with the texts of tags that may have been cut.
var sampleFields = []string{"total_time", "user_time", "kernel_time", "mem_usage", "session_h", "item_fs_loc",
	"component" + rawSuffix, "env" + rawSuffix, "item" + rawSuffix, "item_path" + rawSuffix, "item_variant" + rawSuffix}

// readPoints reads all samples by Flux.
func (h *history) readPoints(ctx context.Context) error {
	sc := newScan(h.store.writer.cfg.Bucket, MetricMeasurement, presentField)
	sc.ofProject(h.project)
	sc.tags = append(sc.tags, "r.kind == "+sc.bind("function"))
	var wanted []entry
	for _, of := range h.of {
		wanted = append(wanted, entry{session{h.project, of.hash}, of.start})
	}
	sc.ofSessions(wanted)
	if err := h.store.orient(ctx, sc); err != nil {
		return err
	}
	skip := int64(0)
	return h.store.walk(ctx, sc, &skip, func(c *collector, found []*sample) (bool, error) {
		err := h.store.fill(ctx, sc, c, found, sampleFields)
		for _, p := range found {
			if err == nil {
				err = h.takePoint(p.row().Metric())
			}
		}
		return true, err
	})
}

// takePoint makes a sample of a point, if it is of a session that is wanted.
func (h *history) takePoint(p *monitor.Point) error {
	m := p.Metric
	of := h.of[EncodeText(m.SessionH)]
	if of == nil {
		return nil
	}
	return h.hand(of, monitor.Sample{Series: h.share(m.Series(h.project)), Env: p.Env, Location: m.ItemFSLoc, Start: m.At.UTC,
		TotalTime: m.TotalTime, CPUTime: m.UserTime + m.KernelTime, MemUsage: m.MemUsage})
}
