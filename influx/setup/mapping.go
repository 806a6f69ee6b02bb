package setup

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// mapping leads InfluxQL from the name of a database to a bucket (DBRP). The bridge reads points back in InfluxQL.
type mapping struct {
	ID              string `json:"id,omitempty"`
	OrgID           string `json:"orgID"`
	BucketID        string `json:"bucketID"`
	Database        string `json:"database"`
	RetentionPolicy string `json:"retention_policy"`
	Default         bool   `json:"default"`
}

// ensureMappings makes sure that InfluxQL finds the two buckets that the bridge reads by their names. InfluxDB OSS maps each name
// by itself, unless somebody has mapped it. InfluxDB Cloud does not.
func (s *Setup) ensureMappings(ctx context.Context) error {
	for _, name := range []string{s.cfg.Bucket, s.cfg.MetaBucket} {
		if s.buckets[name] == "" {
			continue // it would be made
		}
		if err := s.ensureMapping(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// ensureMapping reports nothing where InfluxQL finds the bucket. A mapping that leads to another bucket belongs to somebody else.
func (s *Setup) ensureMapping(ctx context.Context, name string) error {
	var found struct{ Content []mapping }
	err := s.client.get(ctx, "dbrps", url.Values{"orgID": {s.orgID}, "db": {name}, "default": {"true"}}, "read:dbrp", &found)
	if err != nil {
		return err
	}
	step := Step{State: Missing, What: fmt.Sprintf("mapping of the database %q, by which InfluxQL finds the bucket", name)}
	for _, m := range found.Content {
		if m.BucketID == s.buckets[name] {
			return nil
		}
		step.State, step.Note = Current, fmt.Sprintf("it leads to another bucket (%s), so a bridge cannot read this one: `influx v1 dbrp delete --id %s` removes it",
			m.BucketID, m.ID)
	}
	if step.State == Current {
		return s.done(step, nil)
	}
	err = s.write(ctx, request{method: http.MethodPost, path: "dbrps", needs: "write:dbrp", doing: "creating the " + step.What,
		body: mapping{OrgID: s.orgID, BucketID: s.buckets[name], Database: name, RetentionPolicy: "autogen", Default: true}}, nil)
	return s.done(step, err)
}
