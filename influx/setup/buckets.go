package setup

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

// monitoringBucket is where InfluxDB keeps statuses.
const monitoringBucket = "_monitoring"

type bucket struct {
	ID             string          `json:"id,omitempty"`
	OrgID          string          `json:"orgID,omitempty"`
	Name           string          `json:"name,omitempty"`
	Description    string          `json:"description,omitempty"`
	RetentionRules []retentionRule `json:"retentionRules"`
}

type retentionRule struct {
	Type         string `json:"type"`
	EverySeconds int64  `json:"everySeconds"`
	ShardSeconds int64  `json:"shardGroupDurationSeconds"`
}

// retention returns how long the bucket keeps points, 0 for ever.
func (b bucket) retention() time.Duration {
	if len(b.RetentionRules) == 0 {
		return 0
	}
	return time.Duration(b.RetentionRules[0].EverySeconds) * time.Second
}

// rules says how long a bucket keeps points. No rule at all would leave the retention of an existing bucket as it is.
func rules(retention time.Duration) []retentionRule {
	return []retentionRule{{"expire", int64(retention / time.Second), int64(influx.ShardGroup(retention) / time.Second)}}
}

// ensureBuckets makes the three buckets, and looks whether the one of statuses keeps them for long enough.
func (s *Setup) ensureBuckets(ctx context.Context) error {
	forever := time.Duration(0)
	for _, b := range []struct {
		name, holds string
		retention   *time.Duration
	}{
		{s.cfg.Bucket, "measured tests and verdicts", s.cfg.Retention},
		{s.cfg.MetaBucket, "contexts and sessions", &forever},
		{s.cfg.DailyBucket, "tests by day", nil},
	} {
		if err := s.ensureBucket(ctx, b.name, b.holds, b.retention); err != nil {
			return err
		}
	}
	statuses, err := s.findBucket(ctx, monitoringBucket)
	switch {
	case err != nil:
		return err
	case statuses == nil:
		return monitor.Errorf(monitor.ENotFound, "the organisation has no bucket %q, which InfluxDB makes with it, or the token lacks read:buckets", monitoringBucket)
	case statuses.retention() != 0 && statuses.retention() < s.cfg.CheckWindow+statusesMargin:
		return monitor.Errorf(monitor.EInvalid, "bucket %q keeps statuses for %s only: choose a window of the check that is shorter by an hour",
			monitoringBucket, period(statuses.retention()))
	}
	return nil
}

// ensureBucket makes a bucket, or changes its retention if one is asked for.
func (s *Setup) ensureBucket(ctx context.Context, name, holds string, retention *time.Duration) error {
	found, err := s.findBucket(ctx, name)
	if err != nil {
		return err
	}
	step := Step{State: Current, What: fmt.Sprintf("bucket %q", name)}
	switch {
	case found == nil:
		step.State = Missing
		wanted := bucket{OrgID: s.orgID, Name: name, Description: Mark + ": " + holds, RetentionRules: rules(0)}
		if retention != nil {
			wanted.RetentionRules = rules(*retention)
		}
		step.Note = fmt.Sprintf("keeps points %s, in shards of %s", period(wanted.retention()), days(influx.ShardGroup(wanted.retention())))
		found = &bucket{}
		err = s.write(ctx, request{method: http.MethodPost, path: "buckets", body: wanted, needs: "write:buckets", doing: "creating " + step.What}, found)
	case retention != nil && found.retention() != *retention:
		step.State = Different
		step.Note = fmt.Sprintf("keeps points %s instead of %s, new ones in shards of %s", period(*retention), period(found.retention()),
			days(influx.ShardGroup(*retention)))
		err = s.write(ctx, request{method: http.MethodPatch, path: "buckets/" + found.ID, body: bucket{RetentionRules: rules(*retention)},
			needs: "write:buckets", doing: "changing the retention of " + step.What}, nil)
	case name == s.cfg.Bucket:
		err = checkRetention(found.retention(), s.cfg.RollupDays)
	}
	s.buckets[name] = found.ID
	return s.done(step, err)
}

// write makes a request that changes something, unless nothing is to be changed.
func (s *Setup) write(ctx context.Context, r request, into any) error {
	if s.dry {
		return nil
	}
	return s.client.do(ctx, r, into)
}

// findBucket returns nil where there is no such bucket, or none that the token may see.
func (s *Setup) findBucket(ctx context.Context, name string) (*bucket, error) {
	var found struct{ Buckets []bucket }
	query := url.Values{"orgID": {s.orgID}, "name": {name}}
	err := s.client.get(ctx, "buckets", query, "read:buckets", &found)
	if err != nil && monitor.ErrorCode(err) != monitor.ENotFound {
		return nil, err
	}
	for i := range found.Buckets {
		if found.Buckets[i].Name == name {
			return &found.Buckets[i], nil
		}
	}
	return nil, nil
}

// period says how long something is kept.
func period(d time.Duration) string {
	switch {
	case d == 0:
		return "for ever"
	default:
		return "for " + days(d)
	}
}

// days says how long something is.
func days(d time.Duration) string {
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	default:
		return d.String()
	}
}
