package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// deliver says where the measurements are. With an InfluxDB it waits until everything is there, as long as it may.
func (i *invocation) deliver(ctx context.Context) {
	if i.influxFlags.URL == "" {
		i.m.say("the measurements are kept in %s", i.seat.dir)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, i.InfluxWait)
	defer cancel()
	if ready, err := i.operator(ctx, "ready"); err == nil && !strings.Contains(ready, "]delivery") {
		i.m.say("the measurements are kept in %s; they are not delivered, since another run started the bridge without InfluxDB", i.seat.dir)
		return
	}
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		judged := i.judged(ctx)
		s, err := i.state(ctx)
		if err == nil && judged && s == (delivery{}) {
			i.m.say("InfluxDB has everything; the measurements are also kept in %s", i.seat.dir)
			return
		}
		select {
		case <-time.After(pause):
			continue
		case <-ctx.Done():
		}
		i.undeliverable(context.WithoutCancel(ctx))
		return
	}
}

// undeliverable says what InfluxDB does not have, and why.
func (i *invocation) undeliverable(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second) // on this machine
	defer cancel()
	s, err := i.state(ctx)
	if err != nil {
		i.m.say("the measurements are kept in %s; whether InfluxDB has them is not known: %v", i.seat.dir, err)
		return
	}
	reason := ""
	if ready, err := i.operator(ctx, "ready"); err == nil {
		for line := range strings.Lines(ready) {
			if detail, ok := strings.CutPrefix(line, "[-]delivery: "); ok {
				reason = ": " + strings.TrimSpace(detail)
			}
		}
	}
	what := fmt.Sprintf("%d records are", s.records)
	if s.records == 0 {
		what = "the reports are"
	}
	i.m.say("%s not in InfluxDB yet; they are kept in %s, and the next run with this directory delivers them%s", what, i.seat.dir, reason)
}

// judged says whether the bridge has kept a report on each run of the command.
func (i *invocation) judged(ctx context.Context) bool {
	return !slices.ContainsFunc(i.done, func(run string) bool {
		return i.to.read(ctx, &struct{}{}, nil, "runs", run, "report") != nil
	})
}

// delivery is what waits for delivery, by the metrics of the bridge.
type delivery struct{ records, reports int }

// state asks the bridge how far it is.
func (i *invocation) state(ctx context.Context) (d delivery, err error) {
	text, err := i.operator(ctx, "metrics")
	if err != nil {
		return d, err
	}
	found := false
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		into := map[string]*int{"pymon_bridge_journal_depth": &d.records, "pymon_bridge_journal_reports": &d.reports}[name]
		if into == nil {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return d, fmt.Errorf("the bridge's metric %s: %w", name, err)
		}
		*into, found = int(n), found || into == &d.records
	}
	if !found {
		return d, errors.New("the bridge does not say how many records wait")
	}
	return d, nil
}

// operator asks one of the routes for operators.
func (i *invocation) operator(ctx context.Context, route string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.to.origin()+"/-/"+route, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+i.to.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", unreachable(ctx, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}
