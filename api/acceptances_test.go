package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// fakeAcceptances notes what is accepted, and has number 7 of the project shop.
type fakeAcceptances struct {
	asked []monitor.AcceptQuery
	err   error
}

func (f *fakeAcceptances) Acceptances(_ context.Context, project string) ([]monitor.Acceptance, error) {
	if project != "shop" {
		return nil, f.err
	}
	return []monitor.Acceptance{{ID: 7, Project: "shop", Branch: "main", Run: "r", Note: "why", By: "anna", At: time.Unix(1, 0).UTC()}}, f.err
}

func (f *fakeAcceptances) Accept(_ context.Context, q monitor.AcceptQuery) (*monitor.Acceptance, error) {
	f.asked = append(f.asked, q)
	return &monitor.Acceptance{ID: 8, Project: q.Project, AcceptedScope: q.AcceptedScope, Note: q.Note, By: q.By}, f.err
}

func (f *fakeAcceptances) Unaccept(_ context.Context, project string, id int64) (*monitor.Acceptance, error) {
	if project != "shop" || id != 7 {
		return nil, monitor.Errorf(monitor.ENotFound, "project %q has no acceptance %d", project, id)
	}
	return &monitor.Acceptance{ID: id, Project: project}, nil
}

func TestAcceptancesAreListed(t *testing.T) {
	s := newServer(t, &fakeStore{})
	assert.Contains(t, s.get(t, "/p/shop/api/v1/acceptances/").Body.String(), `"note":"why","by":"anna","at":"1970-01-01T00:00:01Z"`)
	assert.JSONEq(t, `{"acceptances":[]}`, s.get(t, "/api/v1/acceptances?project=other").Body.String())
}

// TestAcceptSaysWhatIsWrong holds that a body says what is accepted, and nothing else.
func TestAcceptSaysWhatIsWrong(t *testing.T) {
	s := newServer(t, &fakeStore{})
	for body, want := range map[string]string{
		``:                                      "expected one JSON object with note",
		`[]`:                                    "expected one JSON object with note",
		`{"note":"why"}`:                        "expected true, or a part, or item_path and item_variant of a test, and not both",
		`{"note":"why","all":true,"part":"x"}`:  "expected true, or a part, or item_path and item_variant of a test, and not both",
		`{"note":"why","all":true,"prat":"x"}`:  "unknown field \\\"prat\\\"",
		`{"note":"why","all":true} {}`:          "item_path and item_variant: there is something behind it",
		`{"note":"why","all":true}}`:            "item_path and item_variant: there is something behind it",
		`{"note":1,"all":true}`:                 "expected one JSON object with note",
		`"` + strings.Repeat("x", 70_000) + `"`: "larger than",
	} {
		w := s.do(http.MethodPost, "/p/shop/api/v1/acceptances/", body)
		assert.Contains(t, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, w.Code, body[:min(len(body), 50)])
		assert.Contains(t, w.Body.String(), want, body[:min(len(body), 50)])
	}
	assert.Empty(t, s.accepted.asked)
}

// TestAcceptTakesTheNameOfTheToken holds who has accepted something: the token, and without one who the client says.
func TestAcceptTakesTheNameOfTheToken(t *testing.T) {
	s := newServer(t, &fakeStore{})
	w := s.do(http.MethodPost, "/api/v1/acceptances", `{"note":"why","part":"tests/unit","run":"r","branch":"","against":"main","by":"anna"}`)
	assert.Equal(t, http.StatusCreated, w.Code, w.Body)
	none := ""
	assert.Equal(t, []monitor.AcceptQuery{{Project: monitor.DefaultProject, Run: "r", Branch: &none, Against: "main",
		AcceptedScope: monitor.AcceptedScope{Part: "tests/unit"}, Note: "why", By: "anna"}}, s.accepted.asked)
	s.do(http.MethodPost, "/api/v1/acceptances", `{"note":"why","all":true}`)
	assert.Equal(t, "192.0.2.1", s.accepted.asked[1].By)
	assert.Nil(t, s.accepted.asked[1].Branch)
	for path, want := range map[string]int{"/p/shop/api/v1/acceptances/7": 200, "/p/shop/api/v1/acceptances/8": 404,
		"/p/shop/api/v1/acceptances/x": 404, "/p/other/api/v1/acceptances/7/": 404} {
		assert.Equal(t, want, s.do(http.MethodDelete, path, "").Code, path)
	}
}
