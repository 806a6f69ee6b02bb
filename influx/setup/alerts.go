package setup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

type check struct {
	ID          string     `json:"id,omitempty"`
	OrgID       string     `json:"orgID"`
	Type        string     `json:"type"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Status      string     `json:"status"`
	Query       checkQuery `json:"query"`
}

type checkQuery struct {
	Text string `json:"text"`
}

func (s *Setup) ensureRegressions(ctx context.Context) error {
	return s.ensureCheck(ctx, "regressions.flux", s.name("regressions"), "verdicts as statuses")
}

func (s *Setup) ensureFallback(ctx context.Context) error {
	if !s.cfg.Fallback {
		return nil
	}
	return s.ensureCheck(ctx, "fallback.flux", s.name("fallback"), "tests judged within InfluxDB")
}

// ensureCheck makes a check, or changes the program of one made before. InfluxDB writes the program anew in its own
// layout, so the description tells whether it is the right one.
func (s *Setup) ensureCheck(ctx context.Context, file, name, what string) error {
	flux, err := s.program(file, name)
	if err != nil {
		return err
	}
	known, err := list[check](ctx, s.client, "checks", s.orgID)
	if err != nil {
		return err
	}
	wanted := check{OrgID: s.orgID, Type: "custom", Name: name, Status: "active", Query: checkQuery{flux},
		Description: Mark + ": " + what + ", version " + fingerprint(flux)}
	step := Step{State: Missing, What: fmt.Sprintf("check %q", wanted.Name), Flux: flux}
	for _, c := range known {
		if c.Name != wanted.Name {
			continue
		}
		wanted.Status, step.State = c.Status, Current
		return s.update(ctx, step, "checks", c.ID, c.Description, wanted.Description, wanted)
	}
	return s.done(step, s.create(ctx, step, "checks", wanted, nil))
}

// create makes an element of one of InfluxDB's lists.
func (s *Setup) create(ctx context.Context, step Step, path string, wanted, into any) error {
	return s.write(ctx, request{method: http.MethodPost, path: path, body: wanted, needs: "write:" + path, doing: "creating " + step.What}, into)
}

// createVisible makes an element of a list whose names are not unique: one that the token may make but not see again
// would be made once more each time, and is removed at once.
func (s *Setup) createVisible(ctx context.Context, step Step, path string, wanted any) error {
	var made struct{ ID string }
	if err := s.create(ctx, step, path, wanted, &made); err != nil || s.dry {
		return err
	}
	err := s.client.get(ctx, path+"/"+made.ID, nil, "read:"+path, nil)
	if monitor.ErrorCode(err) != monitor.EForbidden {
		return err
	}
	undo := request{method: http.MethodDelete, path: path + "/" + made.ID, needs: "write:" + path, doing: "removing " + step.What}
	return errors.Join(err, s.client.do(ctx, undo, nil))
}

// update replaces an element unless its description says that it is as it should be.
func (s *Setup) update(ctx context.Context, step Step, path, id, description, should string, wanted any) error {
	if !strings.HasPrefix(description, Mark) {
		return foreign(step.What)
	}
	if description == should {
		return s.done(step, nil)
	}
	step.State = Different
	return s.done(step, s.write(ctx, request{method: http.MethodPut, path: path + "/" + id, body: wanted, needs: "write:" + path,
		doing: "changing " + step.What}, nil))
}

type endpoint struct {
	ID          string `json:"id,omitempty"`
	OrgID       string `json:"orgID"`
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Status      string `json:"status"`
	URL         string `json:"url"`
	Method      string `json:"method"`
	AuthMethod  string `json:"authMethod"`
}

type rule struct {
	ID          string       `json:"id,omitempty"`
	OrgID       string       `json:"orgID"`
	EndpointID  string       `json:"endpointID"`
	Type        string       `json:"type"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Status      string       `json:"status"`
	Every       string       `json:"every"`
	Offset      string       `json:"offset"`
	TagRules    []tagRule    `json:"tagRules"`
	StatusRules []statusRule `json:"statusRules"`
}

type tagRule struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Operator string `json:"operator"`
}

type statusRule struct {
	CurrentLevel string `json:"currentLevel"`
}

// ensureNotification makes the endpoint and the rule that sends it the news.
func (s *Setup) ensureNotification(ctx context.Context) error {
	if s.cfg.NotifyURL == "" {
		return nil
	}
	id, err := s.ensureEndpoint(ctx)
	if err != nil {
		return err
	}
	return s.ensureRule(ctx, id)
}

func (s *Setup) ensureEndpoint(ctx context.Context) (id string, err error) {
	known, err := list[endpoint](ctx, s.client, "notificationEndpoints", s.orgID)
	if err != nil {
		return "", err
	}
	wanted := endpoint{OrgID: s.orgID, Type: "http", Name: s.name("endpoint"), Status: "active", URL: s.cfg.NotifyURL, Method: http.MethodPost, AuthMethod: "none"}
	wanted.Description = Mark + ": receives news of tests, version " + fingerprint(wanted)
	step := Step{State: Missing, What: fmt.Sprintf("notification endpoint %q", wanted.Name), Note: "POST to " + s.notify.Host}
	for _, e := range known {
		if e.Name != wanted.Name {
			continue
		}
		wanted.Status, step.State = e.Status, Current
		return e.ID, s.update(ctx, step, "notificationEndpoints", e.ID, e.Description, wanted.Description, wanted)
	}
	var made endpoint
	err = s.done(step, s.create(ctx, step, "notificationEndpoints", wanted, &made))
	return made.ID, err
}

// ensureRule makes the rule. InfluxDB copies the endpoint's address into the rule's program when the rule is written,
// so the rule is written anew when the address changes.
func (s *Setup) ensureRule(ctx context.Context, endpointID string) error {
	known, err := list[rule](ctx, s.client, "notificationRules", s.orgID)
	if err != nil {
		return err
	}
	wanted := rule{OrgID: s.orgID, EndpointID: endpointID, Type: "http", Name: s.name("news"), Status: "active",
		Every: seconds(s.cfg.CheckEvery), Offset: seconds(ruleOffset(s.cfg.CheckEvery)),
		TagRules:    []tagRule{{"bucket", s.cfg.Bucket, "equal"}, {"news", "yes", "equal"}},
		StatusRules: []statusRule{{"CRIT"}, {"WARN"}, {"OK"}}}
	wanted.Description = Mark + ": sends news of tests, version " + fingerprint([]any{wanted, s.cfg.NotifyURL})
	step := Step{State: Missing, What: fmt.Sprintf("notification rule %q", wanted.Name)}
	for _, r := range known {
		if r.Name != wanted.Name {
			continue
		}
		wanted.Status, step.State = r.Status, Current
		return s.update(ctx, step, "notificationRules", r.ID, r.Description, wanted.Description, wanted)
	}
	return s.done(step, s.createVisible(ctx, step, "notificationRules", wanted))
}

// ruleOffset is how long a rule waits for statuses on their way, as it looks at those of an interval once only. It is
// enough for some thousand at once.
func ruleOffset(every time.Duration) time.Duration {
	return min(every/2, 30*time.Second).Truncate(time.Second)
}
