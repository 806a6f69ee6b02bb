package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/report"
)

// bridgeTarget is a bridge that serves.
type bridgeTarget struct {
	client
	http  http.Client
	query url.Values
	say   func(reason error)
	words string // the time zone
}

func (c *importCmd) bridgeTarget(m *Main) (importTarget, error) {
	t := &bridgeTarget{client: client{URL: c.To, Token: c.Token, Project: c.Project}, query: url.Values{},
		words: "of the bridge"}
	t.http.CheckRedirect = noRedirect
	t.say = func(reason error) { m.say("waiting for the bridge: %v", reason) }
	if c.Timezone != "" {
		t.words = c.Timezone
		t.query.Set("timezone", c.Timezone)
	}
	if c.DryRun {
		t.query.Set("dry_run", "true")
	}
	u, err := t.base()
	if err != nil {
		return nil, errors.New(strings.Replace(err.Error(), "--url", "--to", 1))
	}
	if _, named, ok := strings.Cut(u.Path, "/p/"); ok {
		c.Project = named
	}
	return t, nil
}

func (t *bridgeTarget) batch() int { return wire.MaxRows }

func (t *bridgeTarget) zone() string { return t.words }

// projectOf leaves it to the bridge to find the project that has a session.
func (t *bridgeTarget) projectOf(context.Context, string, string) (string, error) { return "", nil }

func (t *bridgeTarget) close() error { return nil }

// add sends records, those of one project in one request.
func (t *bridgeTarget) add(ctx context.Context, recs []*monitor.Record, counts *importCounts) error {
	for len(recs) > 0 {
		n := slices.IndexFunc(recs, func(rec *monitor.Record) bool { return rec.Project != recs[0].Project })
		if n < 0 {
			n = len(recs)
		}
		if err := t.send(ctx, recs[:n], counts); err != nil {
			return err
		}
		recs = recs[n:]
	}
	return nil
}

// wrongRows is the answer of a bridge that does not take some rows: why, by their number.
type wrongRows map[int]string

func (w wrongRows) Error() string { return "the bridge does not take some rows" }

// errTooLarge is the answer of a bridge, or of a proxy, that takes no request of this size.
var errTooLarge = errors.New("too large for the bridge")

// send sends records in one request. It leaves out what the bridge does not take, and sends the rest again.
func (t *bridgeTarget) send(ctx context.Context, recs []*monitor.Record, counts *importCounts) error {
	stored, err := patiently(ctx, t.say, func(ctx context.Context) (*importCounts, error) { return t.post(ctx, recs) })
	wrong, some := errors.AsType[wrongRows](err)
	switch {
	case err == nil:
		for _, part := range [][2]map[monitor.Class]int64{{counts.New, stored.New}, {counts.Repeats, stored.Repeats}, {counts.Differ, stored.Differ}} {
			for class, n := range part[1] {
				part[0][class] += n
			}
		}
		return nil
	case some:
		var right []*monitor.Record
		for i, rec := range recs {
			if wrong[i] == "" {
				right = append(right, rec)
			}
		}
		for _, i := range slices.Sorted(maps.Keys(wrong)) {
			counts.Skipped[string(recs[i].Class())+": "+wrong[i]]++
		}
		return t.add(ctx, right, counts)
	case errors.Is(err, errTooLarge) && len(recs) == 1:
		counts.Skipped[string(recs[0].Class())+": "+errTooLarge.Error()]++
		return nil
	case errors.Is(err, errTooLarge):
		if err := t.send(ctx, recs[:len(recs)/2], counts); err != nil {
			return err
		}
		return t.send(ctx, recs[len(recs)/2:], counts)
	}
	return err
}

func (t *bridgeTarget) post(ctx context.Context, recs []*monitor.Record) (*importCounts, error) {
	to := t.client
	if recs[0].Project != "" {
		to.Project = recs[0].Project
	}
	body := []byte("[")
	for i, rec := range recs {
		if i > 0 {
			body = append(body, ',')
		}
		body = wire.AppendImported(body, rec)
	}
	body = append(body, ']')
	request, err := to.request(ctx, http.MethodPost, bytes.NewReader(body), t.query, "import")
	if err != nil {
		return nil, errors.New(strings.Replace(err.Error(), "--url", "--to", 1))
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := t.http.Do(request)
	if err != nil {
		return nil, laterIfRestarting(err, unreachable(ctx, err))
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusCreated:
		stored := new(importCounts)
		return stored, decode(ctx, response, stored)
	case http.StatusRequestEntityTooLarge:
		return nil, errTooLarge
	case http.StatusBadRequest:
		return nil, rowsAtFault(response, len(recs))
	}
	return nil, laterIfBusy(response, refusal(response))
}

// rowsAtFault returns which of the rows that were sent are wrong. The bridge names their fields, such as "[3].item". An answer that
// names anything else is a refusal of all.
func rowsAtFault(response *http.Response, sent int) error {
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct{ Errors map[string]string }
	wrong := wrongRows{}
	_ = json.Unmarshal(content, &answer) // what is not JSON names no rows
	for _, field := range slices.Sorted(maps.Keys(answer.Errors)) {
		number, name, _ := strings.Cut(strings.TrimPrefix(field, "["), "]")
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= sent {
			wrong = nil
			break
		}
		reason := strings.TrimPrefix(name+": ", ".") + answer.Errors[field]
		if wrong[i] != "" {
			reason = wrong[i] + "; " + reason
		}
		wrong[i] = report.Printable(strings.TrimPrefix(reason, ": "))
	}
	if len(wrong) > 0 {
		return wrong
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	return refusal(response)
}
