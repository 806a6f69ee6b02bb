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

// named has what the checks, the endpoints and the rules of InfluxDB have in common.
type named struct {
	ID          string `json:"id,omitempty"`
	OrgID       string `json:"orgID"`
	EndpointID  string `json:"endpointID,omitempty"` // of a rule
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Status      string `json:"status"`
}

type check struct {
	named
	Query checkQuery `json:"query"`
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
	wanted := check{named{OrgID: s.orgID, Type: "custom", Name: name, Status: "active",
		Description: Mark + ": " + what + ", version " + fingerprint(flux)}, checkQuery{flux}}
	_, err = s.ensure(ctx, Step{What: fmt.Sprintf("check %q", name), Flux: flux}, "checks", &wanted.named, &wanted, s.create)
	return err
}

// ensure makes an element of a list with create, or changes the one of its name if the description differs. whole is the element, and
// wanted the part of it that all have. It returns the id of the element.
func (s *Setup) ensure(ctx context.Context, step Step, path string, wanted *named, whole any,
	create func(ctx context.Context, step Step, path string, wanted any) (id string, err error)) (id string, err error) {
	known, err := list[named](ctx, s.client, path, s.orgID)
	if err != nil {
		return "", err
	}
	for _, k := range known {
		if k.Name == wanted.Name {
			wanted.Status, step.State = k.Status, Current
			return k.ID, s.update(ctx, step, path, k.ID, k.Description, wanted.Description, whole)
		}
	}
	step.State = Missing
	id, err = create(ctx, step, path, whole)
	return id, s.done(step, err)
}

// create makes an element of one of InfluxDB's lists, and returns its id.
func (s *Setup) create(ctx context.Context, step Step, path string, wanted any) (id string, err error) {
	var made struct{ ID string }
	err = s.write(ctx, request{method: http.MethodPost, path: path, body: wanted, needs: "write:" + path, doing: "creating " + step.What}, &made)
	return made.ID, err
}

// createVisible makes an element of a list whose names are not unique: one that the token may make but not see again
// would be made once more each time, and is removed at once.
func (s *Setup) createVisible(ctx context.Context, step Step, path string, wanted any) (id string, err error) {
	id, err = s.create(ctx, step, path, wanted)
	if err != nil || s.dry {
		return id, err
	}
	err = s.client.get(ctx, path+"/"+id, nil, "read:"+path, nil)
	if monitor.ErrorCode(err) != monitor.EForbidden {
		return id, err
	}
	undo := request{method: http.MethodDelete, path: path + "/" + id, needs: "write:" + path, doing: "removing " + step.What}
	return id, errors.Join(err, s.client.do(ctx, undo, nil))
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
	named
	URL        string `json:"url"`
	Method     string `json:"method"`
	AuthMethod string `json:"authMethod"`
}

type rule struct {
	named
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
	wanted := endpoint{named{OrgID: s.orgID, Type: "http", Name: s.name("endpoint"), Status: "active"}, s.cfg.NotifyURL, http.MethodPost, "none"}
	wanted.Description = Mark + ": receives news of tests, version " + fingerprint(wanted)
	step := Step{What: fmt.Sprintf("notification endpoint %q", wanted.Name), Note: "POST to " + s.notify.Host}
	return s.ensure(ctx, step, "notificationEndpoints", &wanted.named, &wanted, s.create)
}

// ensureRule makes the rule. InfluxDB copies the endpoint's address into the rule's program when the rule is written,
// so the rule is written anew when the address changes.
func (s *Setup) ensureRule(ctx context.Context, endpointID string) error {
	wanted := rule{named: named{OrgID: s.orgID, EndpointID: endpointID, Type: "http", Name: s.name("news"), Status: "active"},
		Every: seconds(s.cfg.CheckEvery), Offset: seconds(ruleOffset(s.cfg.CheckEvery)),
		TagRules:    []tagRule{{"bucket", s.cfg.Bucket, "equal"}, {"news", "yes", "equal"}},
		StatusRules: []statusRule{{"CRIT"}, {"WARN"}, {"OK"}}}
	wanted.Description = Mark + ": sends news of tests, version " + fingerprint([]any{wanted, s.cfg.NotifyURL})
	step := Step{What: fmt.Sprintf("notification rule %q", wanted.Name)}
	_, err := s.ensure(ctx, step, "notificationRules", &wanted.named, &wanted, s.createVisible)
	return err
}

// ruleOffset is how long a rule waits for statuses on their way, as it looks at those of an interval once only. It is
// enough for some thousand at once.
func ruleOffset(every time.Duration) time.Duration {
	return min(every/2, 30*time.Second).Truncate(time.Second)
}
