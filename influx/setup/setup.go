package setup

import (
	"context"
	"net/url"
	"regexp"

	"pymon-bridge/monitor"
)

// Mark is how the descriptions begin of all that is made here.
const Mark = "Made by pymon-bridge influx setup"

// State says what a [Step] found, and so what it does.
type State string

// The states of a step.
const (
	Missing   State = "create"
	Different State = "change"
	Current   State = "unchanged"
)

// Step is one thing that was made or changed, is as it should be, or would be made.
type Step struct {
	State State
	What  string // such as `bucket "pytest"`
	// Note says what is changed, or what is left for a person to do; may be empty.
	Note string
	// Flux is the program of a check or a task.
	Flux string
	// Token is the secret of a token just made, and Purpose what it is for. InfluxDB may show it only now.
	Token   string
	Purpose Purpose
}

// Purpose is what a token is for.
type Purpose string

// The purposes of the tokens that are made.
const (
	ForBridge  Purpose = "bridge"
	ForGrafana Purpose = "Grafana"
)

// Setup is the preparation of one InfluxDB.
type Setup struct {
	cfg    Config
	client client
	notify *url.URL // may hold a secret, as webhooks do
	dry    bool
	report func(Step)

	orgID   string
	buckets map[string]string // IDs by name; "" for one that would be made
}

// New checks the settings. report is told each step once it is done. Fails with EInvalid.
func New(cfg Config, report func(Step)) (*Setup, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	notify, err := parseNotify(cfg.NotifyURL)
	if err != nil {
		return nil, err
	}
	return &Setup{cfg: cfg, client: newClient(cfg), notify: notify, report: report, buckets: map[string]string{}}, nil
}

// Apply makes and changes what is necessary, and stops at the first error: EForbidden says what the token lacks,
// EUnavailable that InfluxDB cannot be reached. What was reported before it is done.
func (s *Setup) Apply(ctx context.Context) error { return s.run(ctx, false) }

// Print reports what Apply would do, without the secrets of tokens, and changes nothing.
func (s *Setup) Print(ctx context.Context) error { return s.run(ctx, true) }

func (s *Setup) run(ctx context.Context, dry bool) error {
	s.dry = dry
	for _, step := range []func(context.Context) error{
		s.findOrg, s.ensureBuckets, s.ensureMappings, s.ensureTokens, s.ensureRegressions, s.ensureFallback, s.ensureRollup, s.ensureNotification,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// done reports a step, if err is nil, and returns err.
func (s *Setup) done(step Step, err error) error {
	if err == nil {
		s.report(step)
	}
	return err
}

// name returns the name of something that belongs to the bucket of metrics.
func (s *Setup) name(what string) string { return "pymon-bridge " + what + " (" + s.cfg.Bucket + ")" }

var influxID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// findOrg finds the organisation by its name or its ID.
func (s *Setup) findOrg(ctx context.Context) error {
	query := url.Values{"org": {s.cfg.Org}}
	if influxID.MatchString(s.cfg.Org) {
		query = url.Values{"orgID": {s.cfg.Org}}
	}
	var found struct {
		Orgs []struct{ ID, Name string }
	}
	err := s.client.get(ctx, "orgs", query, "read:orgs", &found)
	if err != nil && monitor.ErrorCode(err) != monitor.ENotFound {
		return err
	}
	for _, o := range found.Orgs {
		if o.Name == s.cfg.Org || o.ID == s.cfg.Org {
			s.orgID = o.ID
			return nil
		}
	}
	return monitor.Errorf(monitor.ENotFound, "there is no organisation %q, or the token lacks read:orgs, or %s is no InfluxDB v2",
		s.cfg.Org, s.cfg.URL)
}
