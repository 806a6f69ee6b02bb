package setup

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/template"
	"time"

	"pymon-bridge/monitor"
)

//go:embed flux/*.flux
var sources embed.FS

// values are what a Flux program is filled in with; texts are literals of Flux.
type values struct {
	Name, Bucket, DailyBucket    string
	Every, FallbackEvery, Window string
	Series                       string // the columns of a test on one class of machine, as in a list of Flux
	Test                         string // the same, and the kind of measurement that a verdict is about
	Fields                       []string
	Days                         int
	PastDays                     []int // 1 to Days
}

// program returns a Flux program for these settings.
func (s *Setup) program(file, name string) (string, error) {
	parsed, err := template.ParseFS(sources, "flux/"+file)
	if err != nil {
		return "", monitor.Errorf(monitor.EInternal, "%s: %w", file, err)
	}
	const series = `"project", "component", "item_path", "item", "item_variant", "kind", "env"`
	v := values{
		Name: quote(name), Bucket: quote(s.cfg.Bucket), DailyBucket: quote(s.cfg.DailyBucket),
		Every: seconds(s.cfg.CheckEvery), Window: seconds(s.cfg.CheckWindow), FallbackEvery: seconds(fallbackEvery),
		Series: series, Test: series + `, "metric"`,
		Days: s.cfg.RollupDays,
	}
	for field := range monitor.Measurements {
		v.Fields = append(v.Fields, field.String())
	}
	for n := range v.Days {
		v.PastDays = append(v.PastDays, n+1)
	}
	var b strings.Builder
	if err := parsed.Execute(&b, v); err != nil {
		return "", monitor.Errorf(monitor.EInternal, "%s: %w", file, err)
	}
	return b.String(), nil
}

// fallbackEvery is how often tests are judged within InfluxDB, which takes some seconds.
const fallbackEvery = 10 * time.Minute

// quote returns a Flux literal of a text.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, `${`, `\${`).Replace(text) + `"`
}

// seconds returns a Flux literal of a duration.
func seconds(d time.Duration) string { return fmt.Sprintf("%ds", d/time.Second) }

type task struct {
	ID          string `json:"id,omitempty"`
	OrgID       string `json:"orgID,omitempty"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description"`
	Status      string `json:"status,omitempty"`
	Flux        string `json:"flux"`
}

func (s *Setup) ensureRollup(ctx context.Context) error {
	return s.ensureTask(ctx, "rollup.flux", s.name("daily rollup"), "tests by day, into bucket "+s.cfg.DailyBucket)
}

// ensureTask makes a task, or changes the program of one made before. Whether it is active is the operator's choice.
func (s *Setup) ensureTask(ctx context.Context, file, name, what string) error {
	flux, err := s.program(file, name)
	if err != nil {
		return err
	}
	var found struct{ Tasks []task }
	if err := s.client.get(ctx, "tasks", url.Values{"orgID": {s.orgID}, "name": {name}}, "read:tasks", &found); err != nil {
		return err
	}
	wanted := task{OrgID: s.orgID, Description: Mark + ": " + what, Status: "active", Flux: flux}
	step := Step{State: Current, What: fmt.Sprintf("task %q", name), Flux: flux}
	if len(found.Tasks) == 0 {
		step.State = Missing
		_, err = s.createVisible(ctx, step, "tasks", wanted)
		return s.done(step, err)
	}
	known := found.Tasks[0]
	switch {
	case !strings.HasPrefix(known.Description, Mark):
		return foreign(step.What)
	case known.Flux != flux || known.Description != wanted.Description:
		step.State = Different
		err = s.write(ctx, request{method: http.MethodPatch, path: "tasks/" + known.ID, body: task{Flux: flux, Description: wanted.Description},
			needs: "write:tasks", doing: "changing " + step.What}, nil)
	}
	return s.done(step, err)
}

// foreign refuses to change what somebody else made.
func foreign(what string) error {
	return monitor.Errorf(monitor.EInvalid, "%s was not made by this command, its description does not begin with %q: rename it", what, Mark)
}

// fingerprint tells settings apart that InfluxDB gives back in another form than it took them.
func fingerprint(settings any) string {
	b, err := json.Marshal(settings)
	if err != nil {
		panic(err) // it holds texts only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:4])
}
