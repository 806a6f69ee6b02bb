package setup

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

type authorization struct {
	ID          string       `json:"id,omitempty"`
	OrgID       string       `json:"orgID"`
	Status      string       `json:"status,omitempty"`
	Description string       `json:"description"`
	Permissions []permission `json:"permissions"`
	Token       string       `json:"token,omitempty"`
}

type permission struct {
	Action   string   `json:"action"`
	Resource resource `json:"resource"`
}

type resource struct {
	Type  string `json:"type"`
	ID    string `json:"id,omitempty"`
	OrgID string `json:"orgID,omitempty"`
}

// ensureTokens makes a token for the bridge, which may write and read points of metrics and metadata, and one for
// Grafana, which may read those and the rollup. Neither may make or delete buckets, or see others.
func (s *Setup) ensureTokens(ctx context.Context) error {
	var known struct{ Authorizations []authorization }
	if err := s.client.get(ctx, "authorizations", url.Values{"orgID": {s.orgID}}, "read:authorizations", &known); err != nil {
		return err
	}
	for _, of := range []access{
		{purpose: ForBridge, actions: []string{"read", "write"}, buckets: []string{s.cfg.Bucket, s.cfg.MetaBucket}},
		{purpose: ForGrafana, actions: []string{"read"}, buckets: []string{s.cfg.Bucket, s.cfg.MetaBucket, s.cfg.DailyBucket}},
	} {
		if err := s.ensureToken(ctx, of, known.Authorizations); err != nil {
			return err
		}
	}
	return nil
}

// access is what a token allows: some actions on the points of some buckets.
type access struct {
	purpose Purpose
	actions []string
	buckets []string
}

func (s *Setup) permissions(of access) (all []permission) {
	for _, action := range of.actions {
		for _, name := range of.buckets {
			all = append(all, permission{action, resource{Type: "buckets", ID: s.buckets[name], OrgID: s.orgID}})
		}
	}
	return all
}

// ensureToken makes a token unless there is one that allows exactly the same. InfluxDB cannot change what a token
// allows.
func (s *Setup) ensureToken(ctx context.Context, of access, known []authorization) error {
	what := "token for the bridge"
	if of.purpose == ForGrafana {
		what = "token for Grafana"
	}
	wanted := authorization{OrgID: s.orgID, Description: Mark + ": " + s.name(what), Permissions: s.permissions(of)}
	step := Step{State: Missing, What: what + ", to " + strings.Join(of.actions, " and ") + " " + strings.Join(of.buckets, ", ")}
	var others []string
	for _, a := range known {
		if a.Description != wanted.Description || a.Status == "inactive" {
			continue
		}
		if samePermissions(a.Permissions, wanted.Permissions) {
			step.State = Current
			step.Note = "its secret was shown when it was made; to have a new one, delete token " + a.ID + " in InfluxDB and run this again"
			return s.done(step, nil)
		}
		others = append(others, a.ID)
	}
	if len(others) > 0 {
		step.Note = "an earlier one allows something else: delete it in InfluxDB when nothing uses it any more: " + strings.Join(others, ", ")
	}
	var made authorization
	err := s.write(ctx, request{method: http.MethodPost, path: "authorizations", body: wanted,
		needs: "write:authorizations, write:users of its own user, or something that the new token is to allow", doing: "creating the " + what}, &made)
	step.Token, step.Purpose = made.Token, of.purpose
	return s.done(step, err)
}

// samePermissions compares two sets.
func samePermissions(a, b []permission) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(p permission) bool { return !slices.Contains(b, p) })
}
