package harness

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Permission is one thing that a token allows, in the words of InfluxDB's API.
type Permission struct {
	Action   string   `json:"action"` // "read" or "write"
	Resource Resource `json:"resource"`
}

// Resource is the object of a permission: all resources of a type, or one of them.
type Resource struct {
	Type  string `json:"type"` // such as "buckets"
	ID    string `json:"id,omitempty"`
	OrgID string `json:"orgID,omitempty"`
}

// OwnerOf returns the permissions of an organisation's owner that tests need.
func OwnerOf(orgID string) []Permission {
	var all []Permission
	for _, action := range []string{"read", "write"} {
		all = append(all, Permission{action, Resource{Type: "orgs", ID: orgID}})
		for _, kind := range []string{"authorizations", "buckets", "checks", "dashboards", "dbrp", "labels",
			"notificationEndpoints", "notificationRules", "secrets", "tasks", "variables"} {
			all = append(all, Permission{action, Resource{Type: kind, OrgID: orgID}})
		}
	}
	return all
}

// OnBucket returns the permission to read or write the points of one bucket.
func (i *Influx) OnBucket(action, bucket string) Permission {
	i.tb.Helper()
	return Permission{action, Resource{Type: "buckets", ID: i.BucketID(bucket), OrgID: i.OrgID}}
}

// OnAll returns the permission to read or write all resources of a type, such as "buckets", in the organisation.
func (i *Influx) OnAll(action, kind string) Permission {
	return Permission{action, Resource{Type: kind, OrgID: i.OrgID}}
}

// NewToken makes a token with exactly these permissions, and returns its secret.
func (i *Influx) NewToken(allowed ...Permission) string {
	i.tb.Helper()
	var token struct {
		ID     string `json:"id"`
		Secret string `json:"token"`
	}
	i.json(http.MethodPost, "/api/v2/authorizations",
		map[string]any{"orgID": i.OrgID, "permissions": allowed}, &token)
	i.tokens[token.Secret] = token.ID
	return token.Secret
}

// RevokeToken deletes a token made by [Influx.NewToken].
func (i *Influx) RevokeToken(secret string) {
	i.tb.Helper()
	i.json(http.MethodDelete, "/api/v2/authorizations/"+i.tokens[secret], nil, nil)
}

// NewBucket makes a bucket with a unique name that begins with prefix, and returns the name. A retention of zero
// keeps points for ever.
func (i *Influx) NewBucket(prefix string, retention time.Duration) string {
	i.tb.Helper()
	name := Unique(prefix)
	i.AddBucket(name, retention)
	return name
}

// AddBucket makes a bucket with exactly this name, for example after the bucket was deleted.
func (i *Influx) AddBucket(name string, retention time.Duration) {
	i.tb.Helper()
	rules := []map[string]any{}
	if retention > 0 {
		rules = append(rules, map[string]any{"type": "expire", "everySeconds": int64(retention.Seconds())})
	}
	i.json(http.MethodPost, "/api/v2/buckets",
		map[string]any{"orgID": i.OrgID, "name": name, "retentionRules": rules}, nil)
}

// SetRetention changes how long a bucket keeps points; zero is for ever.
func (i *Influx) SetRetention(bucket string, retention time.Duration) {
	i.tb.Helper()
	i.json(http.MethodPatch, "/api/v2/buckets/"+i.BucketID(bucket), map[string]any{"retentionRules": []map[string]any{
		{"type": "expire", "everySeconds": int64(retention.Seconds())}}}, nil)
}

// ShardGroup returns how much time each shard of a bucket covers.
func (i *Influx) ShardGroup(bucket string) time.Duration {
	i.tb.Helper()
	var found struct {
		RetentionRules []struct{ ShardGroupDurationSeconds int64 }
	}
	i.json(http.MethodGet, "/api/v2/buckets/"+i.BucketID(bucket), nil, &found)
	return time.Duration(found.RetentionRules[0].ShardGroupDurationSeconds) * time.Second
}

// DeleteBucket deletes a bucket and its points.
func (i *Influx) DeleteBucket(name string) {
	i.tb.Helper()
	i.json(http.MethodDelete, "/api/v2/buckets/"+i.BucketID(name), nil, nil)
}

// BucketID returns InfluxDB's id of a bucket. It fails the test when there is no such bucket.
func (i *Influx) BucketID(name string) string {
	i.tb.Helper()
	id, ok := i.findBucket(name)
	if !ok {
		i.tb.Fatalf("organisation %s has no bucket %s", i.Org, name)
	}
	return id
}

// HasBucket says whether a bucket exists.
func (i *Influx) HasBucket(name string) bool {
	i.tb.Helper()
	_, ok := i.findBucket(name)
	return ok
}

func (i *Influx) findBucket(name string) (id string, ok bool) {
	i.tb.Helper()
	var list struct {
		Buckets []struct {
			ID string `json:"id"`
		} `json:"buckets"`
	}
	status, answer, err := i.operator.do(http.MethodGet,
		"/api/v2/buckets?"+url.Values{"orgID": {i.OrgID}, "name": {name}}.Encode(), nil)
	if err != nil {
		i.tb.Fatal(err)
	}
	if status == http.StatusNotFound {
		return "", false
	}
	if err := json.Unmarshal(answer, &list); err != nil || len(list.Buckets) != 1 {
		i.tb.Fatalf("look for bucket %s: %d %s", name, status, answer)
	}
	return list.Buckets[0].ID, true
}

func (i *Influx) findOrg(name string) string {
	i.tb.Helper()
	var list struct {
		Orgs []struct {
			ID string `json:"id"`
		} `json:"orgs"`
	}
	i.json(http.MethodGet, "/api/v2/orgs?"+url.Values{"org": {name}}.Encode(), nil, &list)
	if len(list.Orgs) == 0 {
		i.tb.Fatalf("INFLUX_TEST_ORG: expected an organisation of the server, got %s", name)
	}
	return list.Orgs[0].ID
}
