package main

import (
	"context"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/report"
)

// classes returns the class of machine of each metric whose run is known. The run says it where it has one class only. Else the
// context and the session of the metric do.
func (s *source) classes(ctx context.Context, runs []report.RunLine, metrics []*monitor.Metric) (map[*monitor.Metric]string, error) {
	of, class := runsBySession(runs), make(map[*monitor.Metric]string, len(metrics))
	contexts := map[string]*monitor.Context{}
	for _, m := range metrics {
		switch run := of[m.SessionH]; {
		case run == nil:
		case len(run.Environments) == 1:
			class[m] = run.Environments[0]
		default:
			contexts[m.ContextH] = nil
		}
	}
	if len(contexts) == 0 {
		return class, nil
	}
	err := s.lines(ctx, func(line []byte) error {
		c, err := wire.DecodeContext(line)
		if err != nil {
			return err
		}
		if _, wanted := contexts[c.H]; wanted {
			c.Env = monitor.Environment(c)
			contexts[c.H] = c
		}
		return nil
	}, "contexts", "")
	if err != nil {
		return nil, err
	}
	sessions := map[string]*monitor.Session{}
	for i := range runs {
		for _, one := range runs[i].Sessions {
			sessions[one.SessionH] = one.Session()
		}
	}
	for _, m := range metrics {
		if class[m] == "" && of[m.SessionH] != nil {
			class[m] = monitor.OriginOf(m.SessionH, contexts[m.ContextH], sessions[m.SessionH]).Env
		}
	}
	return class, nil
}
